import type { StatusDocument, VersionDocument } from '../api/schema/status.ts'
import { API_VERSION } from '../brand.ts'
import type { ChosenGateway } from './config/gateway.ts'
import { readSignIn } from './config/sign-in-file.ts'
import type { Context, Options, Run } from './frame/context.ts'
import { exitCodes, Failure } from './frame/failure.ts'
import { productVersion } from './frame/version.ts'
import { factLines } from './output/facts.ts'
import { shortTime, span } from './output/time.ts'

export const run: Run = async (context, _args, options) => {
  const gateway = await context.gateway()
  const signIn = readSignIn(context.paths, gateway.server, Date.now())
  const signedIn = context.env.SALLYPORT_TOKEN
    ? { by: 'SALLYPORT_TOKEN' }
    : signIn === undefined
      ? null
      : { by: 'login', username: signIn.username, until: new Date(signIn.expiresAt).toISOString() }
  const { version, status, failure } = await ask(context, signedIn !== null)
  const document = {
    apiVersion: API_VERSION,
    kind: 'ClientStatus',
    client: { version: productVersion(), node: process.version },
    gateway: {
      name: gateway.name,
      server: gateway.server,
      from: gateway.from,
      ...(gateway.caFile === undefined ? {} : { caFile: gateway.caFile, caFrom: gateway.caFrom }),
    },
    signIn: signedIn,
    settings: settingsOf(context, options, gateway),
    version: version ?? null,
    status: status ?? null,
  }
  await context.output.one(
    document,
    factLines([
      ['Gateway', `${gateway.server} (chosen by ${gateway.from})`],
      ['CA', gateway.caFile === undefined ? "Node's trust store" : `${gateway.caFile} (${gateway.caFrom})`],
      ['Signed in', signInWords(signedIn)],
      ...settingsOf(context, options, gateway)
        .filter(s => s.from !== 'default' && s.name !== 'gateway' && s.name !== 'ca-file')
        .map(s => [s.name, `${s.value} (${s.from})`] as [string, string]),
      ['Version', `client ${productVersion()}, gateway ${version ?? 'unknown'}`],
      ...(status === undefined ? [] : gatewayFacts(status)),
    ]),
    `gateway/${gateway.name}`,
  )
  if (failure !== undefined) throw failure
  return exitCodes.done
}

/** Every setting with the place that decided it: flag before `SALLYPORT_*` before profile before default. */
function settingsOf(context: Context, options: Options, gateway: ChosenGateway) {
  const { env, paths } = context
  const folder = (variable: string): string => (env[variable] === undefined ? 'default' : variable)
  const output =
    options.output !== undefined
      ? '--output'
      : env.SALLYPORT_OUTPUT !== undefined && env.SALLYPORT_OUTPUT !== ''
        ? 'SALLYPORT_OUTPUT'
        : 'default'
  return [
    { name: 'gateway', value: gateway.server, from: gateway.from },
    { name: 'ca-file', value: gateway.caFile ?? "Node's trust store", from: gateway.caFrom ?? 'default' },
    { name: 'output', value: context.output.format, from: output },
    { name: 'config-dir', value: paths.config, from: folder('SALLYPORT_CONFIG_DIR') },
    { name: 'state-dir', value: paths.state, from: folder('SALLYPORT_STATE_DIR') },
    {
      name: 'token',
      value: env.SALLYPORT_TOKEN ? 'given' : 'of the sign-in',
      from: env.SALLYPORT_TOKEN ? 'SALLYPORT_TOKEN' : 'default',
    },
  ]
}

/** As far as one gets: version needs no sign-in, the rest does. */
async function ask(
  context: Context,
  signedIn: boolean,
): Promise<{ version?: string; status?: StatusDocument; failure?: Failure }> {
  const client = await context.client()
  let version: string | undefined
  try {
    version = (await client.get<VersionDocument>('/version', { token: null })).version
    if (!signedIn) return { version }
    return { version, status: await client.get<StatusDocument>('/v1/status') }
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure
    return version === undefined ? { failure } : { version, failure }
  }
}

function signInWords(signedIn: { by: string; username?: string; until?: string } | null): string {
  if (signedIn === null) return 'no; sign in with: sallyport login'
  if (signedIn.username === undefined) return `with ${signedIn.by}`
  return `${signedIn.username}, until ${shortTime(signedIn.until!)} UTC`
}

function witnessWords(w: StatusDocument['log']['witnessing']): string {
  if (w === undefined) return 'unknown to this gateway'
  const each = w.witnesses.map(one =>
    one.state === 'cosigned'
      ? `${one.name} up to entry ${one.size}`
      : `${one.name} ${one.state.toUpperCase()}${one.detail === undefined ? '' : ` (${one.detail})`}`,
  )
  const late =
    w.unwitnessedSince === null || !w.overdue
      ? ''
      : `; not enough cosignatures for ${span(Date.now() - Date.parse(w.unwitnessedSince))}`
  const blocked = w.blocked ? ', NEW CALLS ARE REFUSED' : w.overdue ? ', TOO LONG' : ''
  return `${each.join(', ') || 'none: nobody can tell if the log is rewritten'}${late}${blocked}`
}

function logTroubles(log: StatusDocument['log']): [name: string, value: string][] {
  const lines: [string, string][] = []
  if (log.failure !== undefined) lines.push(['Log failure', log.failure])
  const { quota } = log
  if (quota !== undefined && quota.state !== 'ok') {
    const mebibytes = (bytes: number) => `${Math.floor(bytes / 1_048_576)} MiB`
    const what = quota.state === 'full' ? 'FULL: new calls are refused' : 'LOW: new calls will be refused'
    const own =
      quota.usedBytes === undefined || quota.limitBytes === undefined
        ? ''
        : `, ${mebibytes(quota.usedBytes)} of ${mebibytes(quota.limitBytes)} taken`
    const free = `${mebibytes(quota.freeBytes)} free, ${mebibytes(quota.minFreeBytes)} must stay so`
    lines.push(['Log quota', `${what} (${free}${own})`])
  }
  if (log.keyFailure !== undefined)
    lines.push(['Log keys', `FAILING, new sessions will be refused: ${log.keyFailure}`])
  return lines
}

function gatewayFacts(s: StatusDocument): [name: string, value: string][] {
  const agents = s.agents.map(a => `${a.name} ${a.connected ? 'connected' : 'AWAY'}`)
  const issuers = s.issuers.map(
    i => `${i.name} ${i.ok ? 'ok' : `FAILING${i.detail === undefined ? '' : `: ${i.detail}`}`}`,
  )
  return [
    ['Serving for', span(Date.now() - Date.parse(s.startedAt))],
    ['Log', `${s.log.origin}, ${s.log.size} entries${s.log.sealed ? ', SEALED: nothing is forwarded' : ''}`],
    ['Witnesses', witnessWords(s.log.witnessing)],
    ...logTroubles(s.log),
    ['Agents', agents.join(', ') || 'none'],
    ['Issuers', issuers.join(', ')],
    ['Sessions', `${s.liveSessions} live`],
    ['Policy', s.policyDigest],
  ]
}
