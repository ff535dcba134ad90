import { connect, type TLSSocket } from 'node:tls'
import type { Rig } from './harness.ts'

/** What came back on a connection that was sent exact bytes. */
export interface RawAnswer {
  readonly bytes: Buffer
  /** Status codes of all answers on the connection. */
  readonly statuses: readonly number[]
  /** False: the limit passed and the gateway still held the connection. */
  readonly closed: boolean
}

export function openSocket(rig: Pick<Rig, 'port' | 'ca'>, alpn = 'http/1.1'): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port: rig.port,
      ca: rig.ca,
      servername: 'localhost',
      ALPNProtocols: [alpn],
    })
    socket.once('secureConnect', () => {
      socket.off('error', reject)
      socket.on('error', () => {})
      resolve(socket)
    })
    socket.once('error', reject)
  })
}

/** Milliseconds of silence after which the client closes its side: before the first answer, and after one. */
const QUIET = { before: 300, after: 40 }

/**
 * Sends bytes on a connection of their own. When nothing comes any more it closes its side, as a client does that
 * gives up, and waits until the gateway has closed the other one or `limit` milliseconds have passed.
 */
export async function exchangeRaw(
  rig: Pick<Rig, 'port' | 'ca'>,
  bytes: string | Buffer,
  options: { readonly limit?: number; readonly quiet?: number } = {},
): Promise<RawAnswer> {
  const socket = await openSocket(rig)
  return await new Promise(resolve => {
    const chunks: Buffer[] = []
    const settle = (closed: boolean): void => {
      clearTimeout(limit)
      clearTimeout(quiet)
      socket.destroy()
      const all = Buffer.concat(chunks)
      resolve({ bytes: all, statuses: statusesOf(all), closed })
    }
    const limit = setTimeout(() => settle(false), options.limit ?? 5_000)
    let quiet = setTimeout(() => socket.end(), options.quiet ?? QUIET.before)
    socket.on('data', (data: Buffer) => {
      chunks.push(data)
      clearTimeout(quiet)
      // An interim answer (1xx) says that the answer is still to come.
      const waits = statusesOf(Buffer.concat(chunks)).every(status => status < 200)
      quiet = setTimeout(() => socket.end(), options.quiet ?? (waits ? QUIET.before : QUIET.after))
    })
    socket.on('close', () => settle(true))
    socket.write(bytes)
  })
}

function statusesOf(bytes: Buffer): number[] {
  const text = bytes.toString('latin1')
  return [...text.matchAll(/(?:^|\r\n|\})HTTP\/1\.1 (\d{3})/g)].map(match => Number(match[1]))
}
