/** Where an upstream is and how its certificate is checked. Never holds a secret. */
export interface UpstreamTarget {
  /** `https://host:port`. */
  readonly origin: string
  /** Path prefix of the API server, without a trailing slash; mostly empty. */
  readonly basePath: string
  /** PEM; absent means the system's own trust. */
  readonly certificateAuthority?: string
  /** Name to check the certificate against (and SNI), when it is not the host of `origin`. */
  readonly serverName?: string
  /** Only when the operator allowed it in so many words: the upstream's certificate is not checked. */
  readonly insecure?: true
}

/** PEM of a client certificate chain and its key. */
export interface ClientCertificate {
  readonly certificate: string
  readonly key: string
}

/**
 * Takes `https://host[:port][/prefix]` apart. Operators write it, callers never see or change it. Throws an Error
 * that says what is wrong.
 */
export function parseServer(server: string): { origin: string; basePath: string } {
  const url = URL.parse(server)
  if (url === null) throw new Error(`server is not a URL: ${server.slice(0, 200)}`)
  if (url.protocol !== 'https:') throw new Error('server must begin with https://')
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new Error('server must be a plain URL, without user, query or fragment')
  }
  const basePath = url.pathname.replace(/\/+$/, '')
  if (!/^(\/[A-Za-z0-9._~:-]+)*$/.test(basePath))
    throw new Error('the path of server has characters of no use')
  return { origin: `https://${url.hostname}:${url.port === '' ? '443' : url.port}`, basePath }
}
