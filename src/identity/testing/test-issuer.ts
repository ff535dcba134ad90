import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, type GenerateKeyPairResult, generateKeyPair, type JWK, SignJWT } from 'jose'
import { openAuthority } from '../../pki/authority.ts'
import { ensureServerCertificate } from '../../pki/server-certificate.ts'

export interface SigningKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: GenerateKeyPairResult['privateKey']
  /** Public, as the key set shows it. */
  readonly jwk: JWK
}

/** An OIDC issuer on loopback HTTPS with a CA of its own, for tests. Everything it answers can be changed. */
export interface TestIssuer {
  readonly issuer: string
  /** PEM. */
  readonly ca: string
  /** Members of the key set, in order. */
  keys: JWK[]
  /** Merged into the discovery document. */
  discovery: Record<string, unknown>
  /** While set, every request is answered with this status. */
  status: number | undefined
  /** While set, every body is this text. */
  body: string | undefined
  /** Paths asked for. */
  readonly asked: string[]
  newKey(kid: string, alg?: string): Promise<SigningKey>
  stop(): Promise<void>
  start(): Promise<void>
}

export async function startTestIssuer(): Promise<TestIssuer> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-issuer-'))
  const authority = openAuthority(directory)
  const certificate = ensureServerCertificate(authority, directory, ['127.0.0.1'])
  const asked: string[] = []
  const issuer: { -readonly [K in keyof TestIssuer]: TestIssuer[K] } = {
    issuer: '',
    ca: authority.pem,
    keys: [],
    discovery: {},
    status: undefined,
    body: undefined,
    asked,
    async newKey(kid, alg = 'ES256') {
      const key = await newKey(kid, alg)
      issuer.keys.push(key.jwk)
      return key
    },
    async stop() {
      await close()
      rmSync(directory, { recursive: true, force: true })
    },
    start: () => listen(port),
  }
  const server = createServer({ cert: certificate.chain, key: certificate.key }, (request, response) => {
    asked.push(request.url ?? '')
    const body =
      request.url === '/jwks'
        ? { keys: issuer.keys }
        : { issuer: issuer.issuer, jwks_uri: `${issuer.issuer}/jwks`, ...issuer.discovery }
    response.writeHead(issuer.status ?? 200, { 'content-type': 'application/json' })
    response.end(issuer.body ?? JSON.stringify(body))
  })
  let port = 0

  function listen(at: number): Promise<void> {
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(at, '127.0.0.1', () => resolve())
    })
  }
  function close(): Promise<void> {
    return new Promise(resolve => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }
  await listen(0)
  port = (server.address() as AddressInfo).port
  issuer.issuer = `https://127.0.0.1:${port}`
  return issuer
}

export async function newKey(kid: string, alg = 'ES256'): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }
  return { kid, alg, privateKey, jwk }
}

/** Signs any claims under any header; `alg` and `kid` come from the key unless the header says otherwise. */
export function signToken(
  key: SigningKey,
  claims: Record<string, unknown>,
  header: Record<string, unknown> = {},
): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'JWT', ...header })
    .sign(key.privateKey)
}

/** A compact JWS of raw texts, for what no library would write. */
export function rawToken(header: string, claims: string, signature = 'c2lnbmF0dXJl'): string {
  const encode = (text: string) => Buffer.from(text, 'utf8').toString('base64url')
  return `${encode(header)}.${encode(claims)}.${signature}`
}
