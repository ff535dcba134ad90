import { readFileSync } from 'node:fs'
import { request } from 'node:https'

export interface DirectAnswer {
  readonly status: number
  readonly body: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every kind
  readonly json: any
}

export type Direct = (
  path: string,
  options?: { readonly method?: string; readonly body?: unknown; readonly type?: string },
) => Promise<DirectAnswer>

/** The API server itself, as the cluster's administrator: what is really stored. */
export function directly(kubeconfig: string): Direct {
  const config = JSON.parse(readFileSync(kubeconfig, 'utf8'))
  const { server, 'certificate-authority-data': ca } = config.clusters[0].cluster
  const user = config.users[0].user
  const pem = (text: string): Buffer => Buffer.from(text, 'base64')
  const tls = {
    ca: pem(ca),
    cert: pem(user['client-certificate-data']),
    key: pem(user['client-key-data']),
  }
  return (path, options = {}) =>
    new Promise((resolve, reject) => {
      const body = options.body === undefined ? undefined : JSON.stringify(options.body)
      const headers =
        body === undefined
          ? {}
          : {
              'content-type': options.type ?? 'application/json',
              // A DELETE would send its body without a length.
              'content-length': Buffer.byteLength(body),
            }
      const sent = request(
        `${server}${path}`,
        { ...tls, method: options.method ?? 'GET', headers },
        answer => {
          const chunks: Buffer[] = []
          answer.on('data', chunk => chunks.push(chunk))
          answer.on('error', reject)
          answer.on('end', () => {
            const text = Buffer.concat(chunks).toString()
            resolve({
              status: answer.statusCode!,
              body: text,
              get json() {
                return JSON.parse(text)
              },
            })
          })
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })
}
