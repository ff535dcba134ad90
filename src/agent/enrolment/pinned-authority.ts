import type { X509Certificate } from 'node:crypto'
import { connect } from 'node:tls'
import { fingerprintOf } from '../../pki/authority.ts'
import { encodePem } from '../../pki/pem.ts'

/**
 * Fetches the gateway's authority certificate and checks it against the fingerprint of an enrolment token. Nothing
 * is said on this connection, and nothing of it is trusted but the certificate with exactly that SHA-256; what
 * follows is an ordinary, fully verified connection under it. Resolves with PEM.
 */
export function fetchPinnedAuthority(
  host: string,
  port: number,
  fingerprint: string,
  timeout = 10_000,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
    const timer = setTimeout(() => finish(new Error(`no answer from ${host}:${port} in time`)), timeout)
    function finish(result: Error | string): void {
      clearTimeout(timer)
      socket.destroy()
      if (typeof result === 'string') resolve(result)
      else reject(result)
    }
    socket.on('error', (error: NodeJS.ErrnoException) => {
      finish(new Error(`cannot connect to ${host}:${port}: ${error.code ?? 'connection failed'}`))
    })
    socket.once('secureConnect', () => {
      const found = chainOf(socket.getPeerX509Certificate()).find(
        certificate => certificate.ca && fingerprintOf(certificate) === fingerprint,
      )
      finish(
        found === undefined
          ? new Error(
              `${host}:${port} is not the gateway that made this token: its authority has another fingerprint`,
            )
          : encodePem('CERTIFICATE', found.raw),
      )
    })
  })
}

function chainOf(leaf: X509Certificate | undefined): X509Certificate[] {
  const chain: X509Certificate[] = []
  for (let one = leaf; one !== undefined && chain.length < 8; one = one.issuerCertificate) chain.push(one)
  return chain
}
