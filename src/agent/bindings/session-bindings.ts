import { Refusal } from '../../errors/refusal.ts'
import {
  type BindRequest,
  type BindRole,
  type BoundRole,
  LONGEST_BINDING,
} from '../../tunnel/calls/session-bindings.ts'
import type { MayBind } from '../agent.ts'
import type { UpstreamCredential } from '../credentials/credential.ts'
import { type ApiAnswer, type MadeRequest, openApiClient } from '../upstream/api-client.ts'
import { all } from './all.ts'
import {
  type BindingObject,
  bindingObject,
  bindingsPath,
  endOf,
  isSame,
  RBAC,
  roleOf,
  type SubjectKind,
  sessionOf,
} from './binding.ts'
import { grantsOf, mayGive } from './grants.ts'
import { comesIntoForce, type Note, type SessionAsker } from './in-force.ts'
import { listBindings } from './list.ts'
import { probesOf, type RoleRule } from './probes.ts'
import { createSweeper } from './sweeper.ts'

/** Milliseconds for which the rules of a role are remembered; they only choose what is asked for. */
const REMEMBER_ROLE = 30_000
/** A gateway that invents sessions fills no cluster. */
const MOST = 10_000

/** Just-in-time bindings on one upstream: made, found and deleted under the binder's credential. */
export interface SessionBindings {
  /** Resolves when the session has the rights; rejects with a Refusal, and nothing of it is left. */
  bind(request: BindRequest, made: Note): Promise<BoundRole[]>
  /** For good: what is being made for it is deleted too, and nothing is made any more. */
  unbind(session: string, made: Note): Promise<void>
  list(session: string, made: Note): Promise<BoundRole[]>
  /** Deletes what is past its end, whoever made it. Resolves with the number. */
  sweep(made: Note): Promise<number>
  /** What the sweeper did by itself since the last time. */
  takeSwept(): readonly MadeRequest[]
  /** `drop`: the connection is gone, and the bindings that were made here go with it. */
  close(drop: boolean): Promise<void>
}

export interface SessionBindingsOptions {
  readonly binder: UpstreamCredential
  readonly mayBind: MayBind
  readonly subject: SubjectKind
  readonly asker: SessionAsker
  readonly clock?: () => number
  /** Requests that nobody waits for, until somebody takes them; outlives this. */
  readonly kept?: MadeRequest[]
  /** Milliseconds between two sweeps, at least and at most; 0: only when asked. */
  readonly sweepEvery?: number
  /** Milliseconds for the API server to see what was made. */
  readonly patience?: number
  /** Bindings at once. */
  readonly most?: number
}

export function createSessionBindings(options: SessionBindingsOptions): SessionBindings {
  const { binder, mayBind, subject, asker, kept = [] } = options
  const clock = options.clock ?? Date.now
  const client = openApiClient(binder, clock)
  const grants = grantsOf(mayBind)
  const rules = new Map<string, { readonly rules: Promise<RoleRule[]>; readonly until: number }>()
  /** Sessions with bindings of ours, when the last of them ends, and how many were made for each at a time. */
  const bound = new Map<string, { readonly end: number; readonly count: number }>()
  /** Sessions that have ended, and until when that is remembered: longer than a call for them can be on its way. */
  const ended = new Map<string, number>()
  const under = new Set<Promise<unknown>>()
  const list = (selector: string, made: Note) => listBindings(client, grants, selector, made)

  const sweeper = createSweeper({
    list: made => list('', made),
    remove: (found, made) => remove(found, true, made),
    clock,
    kept,
    ...(options.sweepEvery === undefined ? {} : { every: options.sweepEvery }),
  })

  function rulesOf(role: BindRole, made: Note): Promise<RoleRule[]> {
    const now = clock()
    const path =
      role.kind === 'ClusterRole'
        ? `/apis/${RBAC}/v1/clusterroles/${encodeURIComponent(role.name)}`
        : `/apis/${RBAC}/v1/namespaces/${role.namespace}/roles/${encodeURIComponent(role.name)}`
    const known = rules.get(path)
    if (known !== undefined && known.until > now) return known.rules
    const read = client.call('GET', path, { made }).then(answer => {
      if (answer.status !== 200) throw refused(`read the role ${role.name}`, answer)
      return (answer.body as { rules?: RoleRule[] | null } | undefined)?.rules ?? []
    })
    rules.set(path, { rules: read, until: now + REMEMBER_ROLE })
    read.catch(() => rules.delete(path))
    return read
  }

  /** False: exactly this binding was there before. */
  async function create(object: BindingObject, made: Note): Promise<boolean> {
    const path = bindingsPath(object.metadata.namespace ?? '')
    const answer = await client.call('POST', path, { body: object, made })
    if (answer.status === 201) return true
    if (answer.status !== 409) throw refused(`bind ${object.roleRef.name}`, answer)
    const found = await client.call('GET', `${path}/${object.metadata.name}`, { made })
    if (found.status === 200 && isSame(found.body as BindingObject, object)) return false
    throw new Refusal('binding-failed', {
      check: 'agent/binding-name-taken',
      detail: `a binding ${object.metadata.name} that is not of this session is there`,
    })
  }

  /** Tied to the object that was looked at; one that is gone is fine. `exact`: and to its version. */
  async function remove(found: BindingObject, exact: boolean, made: Note): Promise<boolean> {
    const { name, namespace = '', uid, resourceVersion } = found.metadata
    const preconditions = { ...(uid === undefined ? {} : { uid }), ...(exact ? { resourceVersion } : {}) }
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions }
    const gone = await client.call('DELETE', `${bindingsPath(namespace)}/${name}`, { body, made })
    if (gone.status === 200 || gone.status === 202) return true
    if (gone.status === 404 || gone.status === 409) return false
    throw refused(`delete ${name}`, gone)
  }

  async function removeAll(objects: readonly BindingObject[], made: Note): Promise<void> {
    await all(objects.map(object => remove(object, false, made)))
  }

  /** All that this agent may look at. What it asks for is judged here again, whatever the gateway thought of it. */
  function check(request: BindRequest): void {
    const { session, seconds, roles } = request
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > LONGEST_BINDING) {
      throw denied('binding-end', `a binding lives for ${LONGEST_BINDING} seconds at most`)
    }
    for (const role of roles) {
      if (mayGive(grants, role)) continue
      const where = role.namespace === '' ? 'in the whole cluster' : `in namespace ${role.namespace}`
      throw denied('binding-role', `this agent may not bind ${role.kind} ${role.name} ${where}`)
    }
    if (ended.has(session)) throw denied('binding-ended', 'this session has ended')
    let others = 0
    for (const [id, { count }] of bound) if (id !== session) others += count
    if (others + roles.length > (options.most ?? MOST)) {
      throw new Refusal('too-many-requests', { check: 'agent/bindings', retryAfter: 5 })
    }
  }

  async function bind(request: BindRequest, made: Note): Promise<BoundRole[]> {
    const { session, roles } = request
    const now = clock()
    for (const [id, { end }] of bound) if (end < now) bound.delete(id)
    for (const [id, until] of ended) if (until < now) ended.delete(id)
    check(request)
    const end = now + request.seconds * 1000
    const wanted = roles.map(role => bindingObject(session, subject, role, new Date(end).toISOString()))
    const ruleLists = await all(roles.map(role => rulesOf(role, made)))
    const probes = roles.flatMap((role, i) => probesOf(ruleLists[i]!, role.namespace))
    if (wanted.length > 0) bound.set(session, { end, count: wanted.length })
    const results = await Promise.allSettled(wanted.map(object => create(object, made)))
    try {
      for (const result of results) if (result.status === 'rejected') throw result.reason
      if (!(await comesIntoForce(asker, session, probes, made, options.patience))) {
        throw new Refusal('binding-failed', {
          check: 'agent/binding-review',
          detail: 'the API server does not give the session its rights',
        })
      }
      if (ended.has(session)) throw denied('binding-ended', 'this session has ended')
      if (request.replace) await removeOthers(session, wanted, made)
      if (wanted.length === 0) bound.delete(session)
    } catch (error) {
      const ours = wanted.filter((_, i) => {
        const result = results[i]!
        return result.status === 'fulfilled' && result.value
      })
      // What cannot be deleted now is past its end soon.
      await removeAll(ours, made).catch(() => sweeper.due(end))
      throw error
    }
    sweeper.due(end)
    return wanted.map(describe)
  }

  async function removeOthers(session: string, kept: readonly BindingObject[], made: Note): Promise<void> {
    const names = new Set(kept.map(keyOf))
    const found = await list(session, made)
    await removeAll(
      found.filter(one => sessionOf(one) === session && !names.has(keyOf(one))),
      made,
    )
  }

  async function unbind(session: string, made: Note): Promise<void> {
    ended.set(session, clock() + LONGEST_BINDING * 1000)
    await removeOthers(session, [], made)
    bound.delete(session)
  }

  /** What is under way ends before the connections do. */
  function finished<T>(work: Promise<T>): Promise<T> {
    const watched: Promise<unknown> = work.catch(() => {}).finally(() => under.delete(watched))
    under.add(watched)
    return work
  }

  return {
    bind: (request, made) => finished(bind(request, made)),
    unbind: (session, made) => finished(unbind(session, made)),
    list: async (session, made) =>
      (await list(session, made)).filter(one => sessionOf(one) === session).map(describe),
    sweep: sweeper.sweep,
    takeSwept: () => kept.splice(0),
    async close(drop) {
      sweeper.stop()
      await Promise.all(under)
      if (drop) {
        for (const session of bound.keys()) await removeOthers(session, [], sweeper.note).catch(() => {})
      }
      await Promise.all([client.close(), asker.close()])
    },
  }
}

function keyOf({ metadata }: BindingObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`
}

function describe(object: BindingObject): BoundRole {
  return { ...roleOf(object), binding: object.metadata.name, expiresAt: endOf(object) }
}

function refused(what: string, answer: ApiAnswer): Refusal {
  return new Refusal('binding-failed', {
    check: 'agent/binding',
    detail: `the binder cannot ${what}: ${answer.status} ${answer.message}`,
  })
}

function denied(check: string, detail: string): Refusal {
  return new Refusal('denied-by-agent', { check: `agent/${check}`, detail })
}
