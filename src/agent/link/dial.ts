import { connect, type TLSSocket } from 'node:tls'
import { AGENT_PROTOCOL } from '../../tunnel/protocol.ts'

export interface DialOptions {
  readonly host: string
  readonly port: number
  /** PEM: the gateway's own authority, from enrolment. */
  readonly certificateAuthority: string
  /** PEM. */
  readonly certificate: string
  readonly key: string
  /** Name in the gateway's certificate, when it is not `host`. */
  readonly serverName?: string
  /** Milliseconds. */
  readonly timeout?: number
}

/** Opens the TLS connection of a tunnel. Rejects with an Error whose message is for the operator. */
export function dialGateway(options: DialOptions): Promise<TLSSocket> {
  const { host, port } = options
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      ca: options.certificateAuthority,
      cert: options.certificate,
      key: options.key,
      ALPNProtocols: [AGENT_PROTOCOL],
      minVersion: 'TLSv1.3',
      ...(options.serverName === undefined ? {} : { servername: options.serverName }),
    })
    const timer = setTimeout(() => fail(`no answer from ${host}:${port} in time`), options.timeout ?? 10_000)
    const fail = (message: string): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(new Error(message))
    }
    const onError = (error: NodeJS.ErrnoException): void => {
      fail(`cannot connect to ${host}:${port}: ${error.code ?? 'connection failed'}`)
    }
    socket.on('error', onError)
    socket.once('secureConnect', () => {
      if (socket.alpnProtocol !== AGENT_PROTOCOL) {
        fail(`${host}:${port} is no Sallyport gateway that takes agents`)
        return
      }
      clearTimeout(timer)
      socket.setKeepAlive(true, 15_000)
      resolve(socket)
    })
  })
}
