import type { AgentList } from '../api/schema/agents.ts'
import type { DocumentList } from '../api/schema/documents.ts'
import type { ConnectionList } from '../api/schema/identity.ts'
import type { SessionList } from '../api/schema/sessions.ts'
import { createClient } from './client/client.ts'
import { kindOf } from './client/kinds.ts'
import { type LiveNames, liveNamesAt } from './completion/live-names.ts'
import { chooseGateway } from './config/gateway.ts'
import { readProfile } from './config/profile.ts'
import { readSignIn } from './config/sign-in-file.ts'
import type { Context, Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import { productVersion } from './frame/version.ts'

/** Milliseconds for the whole of it, the start of this program included: who presses Tab does not wait. */
const BUDGET = 250
const LEAST = 100
const MOST = 10_000
/** What no shell takes for more than a word: the names come from a server, and bash expands what it is offered. */
const HARMLESS = /^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,252}$/

/** For the completion scripts: the words typed so far, to the names that can follow, one a line. Never complains. */
export const run: Run = async (context, words) => {
  const wanted = liveNamesAt(words)
  if (wanted === undefined) return exitCodes.done
  try {
    const names = await namesOf(context, wanted, words)
    context.output.raw(
      names
        .filter(name => HARMLESS.test(name))
        .map(name => `${name}\n`)
        .join(''),
    )
  } catch {
    // No gateway, no sign-in, no time: nothing is offered.
  }
  return exitCodes.done
}

/** SALLYPORT_COMPLETION_MS, for gateways that are far away. */
function budget(env: NodeJS.ProcessEnv): number {
  const given = Number(env.SALLYPORT_COMPLETION_MS)
  return given > 0 ? Math.min(given, MOST) : BUDGET
}

async function namesOf(context: Context, wanted: LiveNames, words: readonly string[]): Promise<string[]> {
  if (wanted.what === 'profiles') return Object.keys(readProfile(context.paths).gateways)
  const flag = words.indexOf('--gateway')
  const gateway = chooseGateway(
    { gateway: flag === -1 ? undefined : words[flag + 1] },
    context.env,
    context.paths,
  )
  const token = context.env.SALLYPORT_TOKEN || readSignIn(context.paths, gateway.server, Date.now())?.token
  if (token === undefined) return []
  const client = createClient(gateway, token, productVersion())
  const signal = AbortSignal.timeout(
    Math.max(LEAST, Math.round(budget(context.env) - process.uptime() * 1000)),
  )
  switch (wanted.what) {
    case 'connections':
      return (await client.get<ConnectionList>('/v1/connections', { signal })).items.map(c => c.name)
    case 'sessions': {
      const query = { mine: true, state: 'live', limit: 100 }
      return (await client.get<SessionList>('/v1/sessions', { query, signal })).items.map(s => s.id)
    }
    case 'agents':
      return (await client.get<AgentList>('/v1/agents', { signal })).items.map(a => a.name)
    case 'documents': {
      const kind = await kindOf(wanted.kind)
      const query = { kind, limit: 200 }
      return (await client.get<DocumentList>('/v1/documents', { query, signal })).items.map(d => d.name)
    }
  }
}
