import { parseArgs } from 'node:util'
import type { OpenedSession, SessionEnvelope } from '../api/schema/sessions.ts'
import type { ApiClient } from './client/client.ts'
import { type ChosenGateway, chooseGateway } from './config/gateway.ts'
import { acquireLock } from './config/lock.ts'
import { readIfThere } from './config/private-file.ts'
import {
  digestOf,
  forgetSignIn,
  readSession,
  readSignIn,
  type StoredSession,
  sessionFile,
  writeSession,
} from './config/sign-in-file.ts'
import { readExecInfo } from './credential/exec-info.ts'
import { type Context, type Options, type Run, text } from './frame/context.ts'
import { exitCodes, Failure, usage } from './frame/failure.ts'
import { productVersion } from './frame/version.ts'

/** Who cannot answer must not be kept waiting: GUIs and editors give plugins 8 to 10 s. */
const PATIENCE = 5_000
const SIGN_IN_PATIENCE = 300_000
/** The credential is said to end this much earlier, so that nobody starts a request with one that ends on the way. */
const MARGIN = 60_000
/** Processes remembered per session. */
const REMEMBERED = 32

/** Parsed without the command table, to start fast. */
export function parseCredentialOptions(argv: readonly string[]): Options {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        gateway: { type: 'string' },
        server: { type: 'string' },
        connection: { type: 'string' },
        'ca-file': { type: 'string' },
        'code-file': { type: 'string' },
        'state-dir': { type: 'string' },
        quiet: { type: 'boolean', short: 'q' },
      },
    })
    const gateway = values.gateway ?? values.server
    return {
      ...(gateway === undefined ? {} : { gateway }),
      ...(values.connection === undefined ? {} : { connection: values.connection }),
      ...(values['ca-file'] === undefined ? {} : { caFile: values['ca-file'] }),
      ...(values['code-file'] === undefined ? {} : { codeFile: values['code-file'] }),
      ...(values['state-dir'] === undefined ? {} : { stateDir: values['state-dir'] }),
      ...(values.quiet === undefined ? {} : { quiet: values.quiet }),
    }
  } catch (error) {
    throw usage((error as Error).message)
  }
}

/**
 * Exec credential plugin of kubectl and client-go (client.authentication.k8s.io/v1): prints an ExecCredential with
 * the token of a session on one connection. Sessions are shared by all processes of this user through a file, and
 * one process at a time asks the gateway.
 */
export const run: Run = async (context, _args, options) => {
  const connection = text(options, 'connection')
  if (connection === undefined) throw usage('credential needs --connection NAME')
  const info = readExecInfo(context.env)
  const gateway = gatewayOf(context, options, info)
  const interactive = info?.interactive ?? process.stdin.isTTY === true
  const work = obtain(context, gateway, connection, interactive, text(options, 'codeFile'))
  const session = interactive ? await work : await withinPatience(work, context, gateway)
  const document = {
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    status: { expirationTimestamp: expiryFor(session), token: session.token },
  }
  context.output.raw(`${JSON.stringify(document)}\n`)
  return exitCodes.done
}

/** The token may only go to where the kubeconfig sends it: its server has to be on the very gateway that is named. */
function gatewayOf(context: Context, options: Options, info: ReturnType<typeof readExecInfo>): ChosenGateway {
  const chosen = chooseGateway(
    { gateway: text(options, 'gateway'), caFile: text(options, 'caFile') },
    context.env,
    context.paths,
  )
  if (info?.server === undefined) return chosen
  if (info.insecure) {
    throw new Failure({
      exitCode: exitCodes.denied,
      what: 'the kubeconfig switches off the check of the server certificate, so anybody could receive the token',
      check: 'insecure-skip-tls-verify',
      next: `write it anew: sallyport connection use NAME --gateway ${chosen.server}`,
    })
  }
  const { origin } = new URL(info.server)
  if (origin !== chosen.server) {
    throw new Failure({
      exitCode: exitCodes.denied,
      what: `the kubeconfig would send a token of ${chosen.server} to ${origin}`,
      check: 'cluster-server',
      next: `write it anew: sallyport connection use NAME --gateway ${chosen.server}`,
    })
  }
  return chosen.ca === undefined && info.ca !== undefined ? { ...chosen, ca: info.ca } : chosen
}

async function obtain(
  context: Context,
  gateway: ChosenGateway,
  connection: string,
  interactive: boolean,
  codeFile: string | undefined,
): Promise<StoredSession> {
  const file = sessionFile(context.paths, gateway.server, connection)
  const token = (): string | undefined =>
    context.env.SALLYPORT_TOKEN || readSignIn(context.paths, gateway.server, Date.now())?.token
  const cached = usable(file, token())
  // client-go keeps a credential until it ends, and asks again only when the server refused it: so the same process
  // asking twice is a reason to look whether the session was ended.
  const doubted = cached?.givenTo.includes(process.ppid) === true
  if (cached !== undefined && (!doubted || (await isLive(gateway, token()!, cached.id))))
    return give(file, cached)
  const ended = cached?.id
  const lock = await acquireLock(`${file}.lock`, interactive ? SIGN_IN_PATIENCE : PATIENCE)
  if (lock === undefined) throw await whyLate(context, gateway)
  try {
    const meanwhile = usable(file, token())
    if (meanwhile !== undefined && meanwhile.id !== ended) return give(file, meanwhile)
    let signedIn = token() ?? (await signInHere(context, gateway, interactive, codeFile))
    let opened: OpenedSession
    try {
      opened = await open(gateway, connection, signedIn)
    } catch (error) {
      // The sign-in was ended elsewhere: forget it, and sign in anew if that is possible here.
      if (!(error instanceof Failure) || error.facts.exitCode !== exitCodes.signInFirst) throw error
      // A token that was given wins at the next call as well: another sign-in would change nothing.
      if (context.env.SALLYPORT_TOKEN) throw error
      if (token() === signedIn) forgetSignIn(context.paths, gateway.server)
      signedIn = token() ?? (await signInHere(context, gateway, interactive, codeFile))
      opened = await open(gateway, connection, signedIn)
    }
    return give(file, {
      token: opened.token,
      id: opened.session.id,
      expiresAt: Date.parse(opened.session.expiresAt),
      idle: opened.idleSeconds * 1000,
      usedAt: Date.now(),
      openedBy: digestOf(signedIn),
      givenTo: [],
    })
  } finally {
    lock.release()
  }
}

async function open(gateway: ChosenGateway, connection: string, token: string): Promise<OpenedSession> {
  const client = await clientOf(gateway, token)
  return client.post<OpenedSession>('/v1/sessions', { body: { connection } })
}

/** Loaded only when the gateway has to be asked: most calls are answered from the file. */
async function clientOf(gateway: ChosenGateway, token: string | undefined): Promise<ApiClient> {
  const { createClient } = await import('./client/client.ts')
  return createClient(gateway, token, productVersion())
}

/** The session in the file, while it will last and cannot have ended for want of use. */
function usable(file: string, signedIn: string | undefined): StoredSession | undefined {
  if (signedIn === undefined) return undefined
  const session = readSession(file)
  if (session === undefined || session.openedBy !== digestOf(signedIn)) return undefined
  const now = Date.now()
  if (Date.parse(expiryFor(session)) <= now || now - session.usedAt > session.idle / 2) return undefined
  return session
}

/** Notes who gets it, and that it is in use. */
function give(file: string, session: StoredSession): StoredSession {
  const others = session.givenTo.filter(pid => pid !== process.ppid)
  const given = { ...session, usedAt: Date.now(), givenTo: [...others, process.ppid].slice(-REMEMBERED) }
  writeSession(file, given)
  return session
}

async function isLive(gateway: ChosenGateway, token: string, id: string): Promise<boolean> {
  try {
    const client = await clientOf(gateway, token)
    const { session } = await client.get<SessionEnvelope>(`/v1/sessions/${encodeURIComponent(id)}`)
    return session.state === 'live'
  } catch (error) {
    if (error instanceof Failure) return false
    throw error
  }
}

/** RFC 3339, before the real end: a minute, or a tenth of what is left of a short one. */
function expiryFor(session: StoredSession): string {
  const left = session.expiresAt - session.usedAt
  return new Date(session.expiresAt - Math.min(MARGIN, left / 10)).toISOString().replace(/\.\d+Z$/, 'Z')
}

/** Only where there is no sign-in: one that another process keeps meanwhile is taken. */
async function signInHere(
  context: Context,
  gateway: ChosenGateway,
  interactive: boolean,
  codeFile: string | undefined,
): Promise<string> {
  const { signIn, providerFor } = await import('./signin/sign-in.ts')
  const code = codeFile === undefined ? undefined : readIfThere(codeFile)?.trim()
  const client = await clientOf(gateway, undefined)
  if (code === undefined && !interactive) {
    const { signInInBackground } = await import('./signin/background.ts')
    const provider = await providerFor(client, gateway, undefined)
    return signInInBackground(context, gateway, provider, PATIENCE - 1_500)
  }
  const here: Context = { ...context, gateway: async () => gateway, client: async () => client }
  const wishes = { interactive, remember: false, before: undefined, ...(code === undefined ? {} : { code }) }
  return (await signIn(here, wishes)).token
}

/** kubectl shows what stands on stderr, and asks again at the next request. */
async function withinPatience<T>(work: Promise<T>, context: Context, gateway: ChosenGateway): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => whyLate(context, gateway).then(reject, reject), PATIENCE - 500)
  })
  try {
    return await Promise.race([work, limit])
  } finally {
    clearTimeout(timer)
  }
}

/** Another process may be waiting for the same person: then its address is the answer. */
async function whyLate(context: Context, gateway: ChosenGateway): Promise<Failure> {
  const { findUnderWay } = await import('./signin/under-way.ts')
  const found = await findUnderWay(context.paths, gateway.server)
  if (found !== undefined) {
    const { waiting } = await import('./signin/background.ts')
    return waiting(context, gateway, found)
  }
  return new Failure({
    exitCode: exitCodes.unreachable,
    what: `${gateway.server} did not answer in time`,
    next: `see what is wrong: sallyport status --gateway ${gateway.server}`,
  })
}
