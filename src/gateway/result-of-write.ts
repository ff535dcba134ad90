import { knowsNoTrial } from '../approvals/foresight.ts'
import { ABSENT } from '../approvals/pin-version.ts'
import type { KubernetesAction } from '../kubernetes/action.ts'
import { readJson } from '../kubernetes/json/read-json.ts'
import type { WantedResult } from '../policy/wants-result.ts'
import type { CollectedAnswer } from '../tunnel/calls/collect.ts'
import type { Answer } from './answer.ts'
import { letItSettle, TRIES } from './changing-object.ts'
import type { Classified, Foreseen } from './exchange.ts'
import type { Gateway } from './gateway.ts'
import { circumstancesOf } from './policy-circumstances.ts'
import { trialFor } from './trial.ts'
import { answerOf } from './whole-answer.ts'

/**
 * What would come of a write, where a rule that could decide it looks at that: asked of the API server by a dry run of the same
 * request as the same session. Undefined: nobody needs to look.
 */
export function lookAhead(gateway: Gateway, x: Classified): Promise<Classified> | undefined {
  const wanted = gateway.policies().wantsResult(x.action, circumstancesOf(x, gateway.now()))
  return wanted === null ? undefined : look(gateway, x, wanted)
}

/** The same once more, after people have decided or the object has changed: nothing of the last look is left. */
export async function lookAgain(gateway: Gateway, x: Classified): Promise<void> {
  Object.assign(x, { foreseen: undefined, refusedAhead: undefined })
  await lookAhead(gateway, x)
}

/** What policy judges. */
export function judgedAction(x: Classified): KubernetesAction {
  return x.foreseen?.action ?? x.action
}

async function look(gateway: Gateway, x: Classified, wanted: WantedResult): Promise<Classified> {
  for (let tries = 0; tries < TRIES; tries++) {
    if (tries > 0) await letItSettle(tries - 1)
    const seen = await lookOnce(gateway, x, wanted)
    if (seen === 'changed') continue
    if ('refusal' in seen) return Object.assign(x, { refusedAhead: seen.refusal })
    return foreseen(x, seen)
  }
  return foreseen(x, unknown(x.action))
}

function foreseen(x: Classified, seen: Foreseen): Classified {
  x.progress.action = seen.action
  return Object.assign(x, { foreseen: seen })
}

type Seen = Foreseen | { readonly refusal: Answer } | 'changed'

async function lookOnce(gateway: Gateway, x: Classified, wanted: WantedResult): Promise<Seen> {
  const { action } = x
  const before = wanted.before ? await readBefore(gateway, x) : undefined
  const trial = await trialFor(gateway, x)
  if (trial === null) return untried(action, before)
  const tried = await gateway.dryRun(x, trial, 'policy')
  if (knowsNoTrial(tried.status, tried.body)) return unknown(action)
  if (tried.status >= 400) return { refusal: answerOf(tried.status, tried.headers, tried.body) }
  const result = objectOf(tried)
  if (result === null || (action.name !== '' && result.name !== action.name)) return unknown(action)
  const version = tried.status === 201 ? null : result.version
  if (tried.status !== 201 && version === null) return unknown(action)
  if (before !== undefined && before.version !== version) return 'changed'
  return {
    action: {
      ...action,
      body: {
        ...action.body!,
        apiVersion: result.apiVersion,
        kind: result.kind,
        result: true,
        object: result.object,
      },
      ...(before === undefined ? {} : { before: before.object }),
    },
    version: version ?? ABSENT,
    tried,
  }
}

/** Its API may know no dry run, and would do it. A PUT says the whole object; what a patch comes to cannot be seen. */
function untried(action: KubernetesAction, before: Before | undefined): Foreseen {
  const seen = action.verb === 'patch' ? unknown(action) : { action, version: null, tried: null }
  if (before === undefined) return seen
  return {
    ...seen,
    action: { ...seen.action, before: before.object },
    version: before.version ?? ABSENT,
  }
}

/** Nothing can be said of it: a rule that stops something by the body counts, and one that allows does not. */
function unknown(action: KubernetesAction): Foreseen {
  const body = action.body === null ? null : { ...action.body, object: undefined, result: true as const }
  return { action: { ...action, body, images: null }, version: null, tried: null }
}

interface Before {
  readonly object: unknown
  readonly version: string | null
}

/** Undefined: it cannot be read, or not as this session. A missing object is null. */
async function readBefore(gateway: Gateway, x: Classified): Promise<Before | undefined> {
  const { target } = x.parsed
  const query = target.indexOf('?')
  const answer = await gateway.readLive(x, query < 0 ? target : target.slice(0, query), 'policy')
  if (answer.status === 404) return { object: null, version: null }
  const read = answer.status === 200 ? objectOf(answer) : null
  return read === null || read.version === null ? undefined : read
}

interface ReadObject {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly version: string | null
  readonly object: unknown
}

function objectOf({ body }: CollectedAnswer): ReadObject | null {
  const document = readJson(body)
  if ('refused' in document || !document.isObject(0)) return null
  const word = (name: string): string => document.text(document.member(0, name)) ?? ''
  const metadata = document.member(0, 'metadata')
  if (metadata === undefined || !document.isObject(metadata) || word('kind') === 'Status') return null
  const version = document.text(document.member(metadata, 'resourceVersion')) ?? ''
  return {
    apiVersion: word('apiVersion'),
    kind: word('kind'),
    name: document.text(document.member(metadata, 'name')) ?? '',
    version: version === '' ? null : version,
    object: document.value(),
  }
}
