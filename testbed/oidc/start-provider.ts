import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import Provider from 'oidc-provider'
import { createAuthority } from '../pki.ts'
import { createBrowser } from './browser.ts'
import {
  allowLoopbackRedirects,
  createProviderStorage,
  type ProviderState,
  providerConfiguration,
  signInPath,
} from './configuration.ts'
import { ask } from './http.ts'
import { createSigningKey, readClaims, type SigningAlgorithm, type SigningKey, signJwt } from './keys.ts'
import { defaultUsers, type OidcUser } from './users.ts'

export interface OidcProviderOptions {
  /** Serve plain HTTP (issuer http://…) in place of HTTPS with an authority of its own. */
  readonly plainHttp?: boolean
  /** Default: a free port of 127.0.0.1. */
  readonly port?: number
  /** Default RS256. */
  readonly algorithm?: SigningAlgorithm
  /** Lifetime of ID tokens in seconds. Default 3600. */
  readonly lifetime?: number
}

export interface TokenRequest {
  /** Client id of the flow, and so the token's `aud`. Default `sallyport`. */
  readonly audience?: string
  /** Seconds; a negative number gives a token that has expired. */
  readonly lifetime?: number
  /** Default `openid profile email groups`. */
  readonly scope?: string
  readonly nonce?: string
}

export interface OidcProvider {
  readonly issuer: string
  /** Authority of the HTTPS certificate, PEM; undefined with plain HTTP. */
  readonly ca: string | undefined
  /** By login name; changes are in the next token. */
  readonly users: Map<string, OidcUser>
  /** Gets an ID token through authorization code flow with PKCE. */
  idToken(user: string, request?: TokenRequest): Promise<string>
  /** The browser's part of a sign-in: opens the URL, signs in, returns the redirect with code or error. */
  signIn(authorizationUrl: string, user: string): Promise<string>
  /** The browser's part of a device flow; the URL is `verification_uri_complete`. */
  approveDevice(verificationUrl: string, user: string): Promise<void>
  /** Signs any claims with the current key, for tokens that no honest flow gives. `header` overrides. */
  signClaims(claims: object, header?: object): string
  /** Signs with a new key from now on; old keys stay published unless `forgetOld`. Returns the new `kid`. */
  rotateKeys(options?: { readonly forgetOld?: boolean }): Promise<string>
  stop(): Promise<void>
}

/** Starts npm's oidc-provider with three people on loopback. */
export async function startOidcProvider(options: OidcProviderOptions = {}): Promise<OidcProvider> {
  const authority = options.plainHttp === true ? undefined : createAuthority('testbed-oidc-ca')
  let handle: RequestListener = (_, response) => void response.writeHead(503).end()
  const listener: RequestListener = (request, response) => handle(request, response)
  const server = listen(authority, listener, options.port ?? 0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const issuer = `${authority === undefined ? 'http' : 'https'}://127.0.0.1:${port}`

  const algorithm = options.algorithm ?? 'RS256'
  const state: ProviderState = {
    users: defaultUsers(),
    algorithm,
    storage: createProviderStorage(algorithm),
    lifetimes: new Map(),
    defaultLifetime: options.lifetime ?? 3600,
    cookieKey: randomBytes(16).toString('hex'),
  }
  let keys: SigningKey[] = []
  const rotateKeys = async (forgetOld: boolean): Promise<string> => {
    const key = createSigningKey(algorithm)
    // The first key of the list signs.
    keys = [key, ...(forgetOld ? [] : keys)]
    handle = createHandler(issuer, state, keys)
    return key.kid
  }
  await rotateKeys(true)
  const ca = authority?.cert
  const signIn = async (url: string, user: string): Promise<string> => {
    const end = await createBrowser(ca).visit(url, known(state, user))
    if (end === undefined) throw new Error('the sign-in ended without a redirect')
    return end
  }
  return {
    issuer,
    ca,
    users: state.users,
    signIn,
    async idToken(user, request = {}) {
      const token = await idToken({ issuer, ca, state, signIn }, user, request)
      return (request.lifetime ?? 1) > 0 ? token : expired(keys[0]!, token, request.lifetime!)
    },
    signClaims: (claims, header) => signJwt(keys[0]!, claims, header),
    async approveDevice(verificationUrl, user) {
      await createBrowser(ca).visit(verificationUrl, known(state, user))
    },
    rotateKeys: async (how = {}) => rotateKeys(how.forgetOld === true),
    async stop() {
      server.closeAllConnections()
      await new Promise(done => server.close(done))
    },
  }
}

function listen(
  authority: ReturnType<typeof createAuthority> | undefined,
  listener: RequestListener,
  port: number,
): Server {
  if (authority === undefined) return createServer(listener).listen(port, '127.0.0.1')
  const serving = authority.issue({
    commonName: 'oidc-provider',
    usage: 'server',
    addresses: ['127.0.0.1', 'localhost'],
  })
  return createSecureServer(serving, listener).listen(port, '127.0.0.1')
}

function createHandler(issuer: string, state: ProviderState, keys: readonly SigningKey[]): RequestListener {
  const provider = new Provider(issuer, providerConfiguration(state, keys))
  allowLoopbackRedirects(provider)
  const standard = provider.callback()
  return (request, response) => {
    const ours = request.url?.startsWith(`${signInPath}/`) === true
    const done = ours ? signInPage(provider, state, request, response) : standard(request, response)
    done.catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500)
      response.end(String(error))
    })
  }
}

/** One button for each person; no passwords. */
async function signInPage(
  provider: Provider,
  state: ProviderState,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method === 'POST') {
    const login = new URLSearchParams(await text(request)).get('user') ?? ''
    const accountId = state.users.get(login)?.subject ?? ''
    return provider.interactionFinished(request, response, { login: { accountId } })
  }
  const buttons = [...state.users.keys()].map(
    login => `<button name="user" value="${login}">${login}</button>`,
  )
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
  response.end(
    `<!doctype html><title>Test sign-in</title><h1>Who are you?</h1>` +
      `<form method="post" action="${request.url}">${buttons.join(' ')}</form>`,
  )
}

interface Flow {
  readonly issuer: string
  readonly ca: string | undefined
  readonly state: ProviderState
  signIn(url: string, user: string): Promise<string>
}

async function idToken(flow: Flow, user: string, request: TokenRequest): Promise<string> {
  const clientId = request.audience ?? 'sallyport'
  const redirectUri = 'http://127.0.0.1/callback'
  const verifier = randomBytes(32).toString('base64url')
  const query = new URLSearchParams({
    client_id: clientId,
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: request.scope ?? 'openid profile email groups',
    state: randomBytes(8).toString('hex'),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  })
  if (request.nonce !== undefined) query.set('nonce', request.nonce)
  const end = new URL(await flow.signIn(`${flow.issuer}/auth?${query}`, user))
  const code = end.searchParams.get('code')
  if (code === null) throw new Error(`sign-in of ${user} failed: ${end.searchParams}`)
  if (request.lifetime !== undefined && request.lifetime > 0) flow.state.lifetimes.set(code, request.lifetime)
  const form = {
    grant_type: 'authorization_code',
    client_id: clientId,
    code,
    redirect_uri: redirectUri,
    code_verifier: verifier,
  }
  const answer = await ask(`${flow.issuer}/token`, { method: 'POST', form, ca: flow.ca })
  flow.state.lifetimes.delete(code)
  const token = answer.status === 200 ? JSON.parse(answer.body).id_token : undefined
  if (typeof token !== 'string') throw new Error(`token endpoint: ${answer.status} ${answer.body}`)
  return token
}

/** The provider refuses to make a token that is over, so a fresh one is moved into the past. */
function expired(key: SigningKey, token: string, lifetime: number): string {
  const { iat, exp, ...claims } = readClaims(token) as { iat: number; exp: number }
  return signJwt(key, { ...claims, iat: iat + lifetime - (exp - iat), exp: iat + lifetime })
}

function known(state: ProviderState, user: string): string {
  if (state.users.has(user)) return user
  throw new Error(`the provider knows ${[...state.users.keys()].join(', ')}, not ${user}`)
}
