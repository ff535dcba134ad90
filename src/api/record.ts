import type { Head, NewEntry } from '../audit/entry.ts'
import { principalFacts } from '../audit/principal-facts.ts'
import type { Refusal } from '../errors/refusal.ts'
import type { Principal } from '../identity/principal.ts'
import type { AdminAction, Decision } from '../policy/decision.ts'
import type { Client } from './services.ts'

/** One request to the API, as the log is told of it. No body and no credential is ever part of it. */
export interface Recorded {
  readonly call: string
  readonly client: Client
  readonly method: string
  readonly uri: string
  readonly startedAt: number
  principal?: Principal
  sessionId?: string
  actions?: readonly AdminAction[]
  decision?: Decision
  /** Milliseconds since the epoch. */
  decidedAt?: number
  intentWritten?: boolean
  outcomeWritten?: boolean
}

export function intentOf(x: Recorded): NewEntry {
  const first = x.actions?.[0]
  return {
    ...common(x),
    phase: 'intent',
    head: {
      ...who(x),
      ...(first === undefined ? {} : { action: actionFacts(first, x.actions!) }),
      ...(x.decision === undefined
        ? {}
        : {
            decision: {
              effect: x.decision.effect,
              rules: x.decision.rules,
              reason: x.decision.reason,
              ...(x.decidedAt === undefined ? {} : { at: x.decidedAt }),
            },
          }),
    },
  }
}

export function outcomeOf(
  x: Recorded,
  now: number,
  code: number,
  bytesOut: number,
  ended: NonNullable<Head['result']>['ended'],
  error?: Refusal,
): NewEntry {
  return {
    ...common(x),
    phase: 'outcome',
    effect: x.decision?.effect ?? (ended === 'refused' ? 'deny' : null),
    head: {
      result: { code, bytesIn: 0, bytesOut, milliseconds: now - x.startedAt, ended },
      ...(error === undefined ? {} : { error: errorFacts(error) }),
    },
  }
}

/** Somebody who could not be identified, at the API or at sign-in. */
export function authFailureOf(x: Recorded, error: Refusal): NewEntry {
  return {
    ...common(x),
    kind: 'auth.fail',
    phase: 'state',
    effect: 'deny',
    head: { ...who(x), error: errorFacts(error) },
  }
}

export function signInOf(x: Recorded, principal: Principal): NewEntry {
  return { ...common(x), kind: 'auth.login', phase: 'state', effect: 'allow', head: who({ ...x, principal }) }
}

export function signOutOf(x: Recorded, sessionsEnded: number): NewEntry {
  return { ...common(x), kind: 'auth.logout', phase: 'state', head: { ...who(x), facts: { sessionsEnded } } }
}

function common(x: Recorded): Omit<NewEntry, 'phase' | 'head'> {
  return {
    call: x.call,
    kind: 'admin.request',
    session: x.sessionId ?? null,
    effect: x.decision?.effect ?? null,
    policyDigest: x.decision?.policyDigest ?? null,
  }
}

function who(x: Recorded): Head {
  return {
    ...(x.principal === undefined ? {} : { principal: principalFacts(x.principal) }),
    client: x.client,
    request: { method: x.method, uri: x.uri },
  }
}

function actionFacts(first: AdminAction, all: readonly AdminAction[]): Record<string, unknown> {
  const facts: Record<string, unknown> = { protocol: 'admin', verb: first.verb, resource: first.resource }
  if (first.name !== '') facts.name = first.name
  if (all.length > 1) facts.also = all.slice(1).map(a => `${a.verb} ${a.resource}/${a.name}`)
  return facts
}

function errorFacts(error: Refusal): NonNullable<Head['error']> {
  return {
    code: error.code,
    ...(error.check === undefined ? {} : { check: error.check }),
    ...(error.detail === undefined ? {} : { detail: error.detail }),
  }
}
