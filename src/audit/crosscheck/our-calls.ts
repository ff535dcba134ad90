import { join } from 'node:path'
import type { KeyEncryption } from '../../keys/key-encryption.ts'
import type { Head } from '../entry.ts'
import type { Files } from '../files/files.ts'
import { readWhole } from '../files/whole.ts'
import type { Leaf } from '../heads/leaf.ts'
import { epochKeys } from '../keys/epochs.ts'
import { parseCheckpoint } from '../log/checkpoint.ts'
import { readLeaves } from '../log/read.ts'
import { segmentCursor } from '../segments/cursor.ts'

/** One call of ours as far as the cluster can know of it. */
export interface OurCall {
  readonly connection: string
  /** Sallyport's own, for no caller. */
  readonly own: boolean
  readonly verb: string
  /** Undefined: on no resource, then `path` says what. */
  readonly object: OurObject | undefined
  readonly path: string
  /** Name in the body of a create. */
  readonly bodyName: string
  readonly session: string | undefined
  /** Milliseconds since the epoch. */
  readonly begun: number
  /** Undefined: no outcome yet. */
  ended: number | undefined
  /**
   * `refused`: never sent. `answered`: the cluster answered, so it must know of it. `uncertain`: sent, and nobody can say
   * whether it arrived. `open`: under way.
   */
  state: 'refused' | 'answered' | 'uncertain' | 'open'
  /** Why, for a refused one. */
  reason: string
  /** Status that the cluster gave; 0: not known. */
  status: number
  /** As whom it was sent; undefined: as the agent itself, or not known. */
  user: string | undefined
  groups: readonly string[]
  /** What the cluster's log has shown of it: no stage, one before the last, the last. */
  seen: 'no' | 'begun' | 'ended'
  /** Times of its last stage there. */
  times: string
}

export interface OurObject {
  readonly apiGroup: string
  readonly apiVersion: string
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
  readonly name: string
}

export interface OurLog {
  readonly origin: string
  readonly entries: number
  /** Milliseconds since the epoch, of the first and the last entry. */
  readonly begins: number
  readonly ends: number
  /** Whether its last entry says that the gateway was stopped: nothing of ours is missing after it. */
  readonly stopped: boolean
  /** Calls whose facts are gone with their keys. */
  readonly withoutFacts: number
}

export interface OurLogOptions {
  /** Directory of the log: `checkpoint`, `tile/`, `segments/`, `keys/`. */
  readonly directory: string
  /** The key that wraps its epoch keys. */
  readonly keyEncryption: KeyEncryption
  /** Calls that may be held at once, with those that are held already. */
  readonly most: number
  /** Calls that neither begin nor end in here are left out. Milliseconds since the epoch. */
  readonly since: number
  readonly until: number
}

export class TooManyCalls extends Error {}

/** Adds the calls of a log to `calls`, by id. Reads what the newest checkpoint covers, heads only, in one pass. */
export async function readOurCalls(
  files: Files,
  options: OurLogOptions,
  calls: Map<string, OurCall>,
): Promise<OurLog> {
  const { directory } = options
  const note = (await readWhole(files, join(directory, 'checkpoint')))?.toString()
  if (note === undefined) throw new Error(`${directory} holds no audit log (there is no checkpoint)`)
  const { origin, size } = parseCheckpoint(note.slice(0, note.lastIndexOf('\n\n') + 1))
  const keys = epochKeys(files, directory, origin, options.keyEncryption)
  const cursor = segmentCursor(files, directory, origin, id => keys.find(id), 'heads')
  let begins = Number.POSITIVE_INFINITY
  let ends = Number.NEGATIVE_INFINITY
  let last = ''
  let withoutFacts = 0
  try {
    for (let from = 0; from < size; ) {
      const leaves = await readLeaves(files, directory, from, size)
      for (const [at, bytes] of leaves.entries()) {
        const leaf = JSON.parse(bytes.toString('latin1')) as Leaf
        const time = Date.parse(leaf.time)
        begins = Math.min(begins, time)
        ends = Math.max(ends, time)
        last = leaf.kind
        if (leaf.phase === 'frame' || (leaf.kind !== 'k8s.request' && leaf.kind !== 'agent.call')) continue
        const { opened } = await cursor.read(from + at)
        if (opened?.head == null && leaf.head !== undefined) withoutFacts += 1
        const head = opened?.head == null ? undefined : (JSON.parse(opened.head.toString()) as Head)
        take(leaf, time, head)
      }
      from += leaves.length
    }
  } finally {
    await cursor.close()
  }
  return { origin, entries: size, begins, ends, stopped: last === 'log.stop', withoutFacts }

  function take(leaf: Leaf, time: number, head: Head | undefined): void {
    if (leaf.phase === 'state') {
      const several = head?.facts?.calls
      if (Array.isArray(several)) for (const one of several) add(one.id, fromBatch(one as BatchedCall))
      else add(leaf.call, ended(begun(leaf, time, head), time, head))
    } else if (leaf.phase === 'intent') add(leaf.call, begun(leaf, time, head))
    else {
      const several = head?.facts?.calls
      if (Array.isArray(several)) {
        // The cluster never saw this one: it saw the requests that an agent made for it.
        calls.delete(leaf.call)
        for (const one of several) add(one.id, fromBatch(one as BatchedCall))
        return
      }
      const call = calls.get(leaf.call)
      if (call === undefined) return
      ended(call, time, head)
      if (call.begun < options.since && time < options.since) calls.delete(leaf.call)
    }
  }

  function add(id: string, call: OurCall): void {
    if (call.begun > options.until || (call.ended ?? Number.POSITIVE_INFINITY) < options.since) return
    if (calls.size >= options.most && !calls.has(id)) {
      throw new TooManyCalls(`more than ${options.most} calls lie in the time that is looked at`)
    }
    calls.set(id, call)
  }
}

interface BatchedCall {
  readonly id: string
  readonly connection: string
  readonly action: Head['action']
  readonly at: number
  readonly code: number
  readonly ended: NonNullable<Head['result']>['ended']
  readonly milliseconds: number
  readonly error?: NonNullable<Head['error']>
  /** Whom the agent tried to be. */
  readonly as?: string
}

function fromBatch(one: BatchedCall): OurCall {
  const { connection, action, code, ended: how, milliseconds, error, as } = one
  const head: Head = {
    connection,
    ...(action === undefined ? {} : { action }),
    result: { code, bytesIn: 0, bytesOut: 0, milliseconds, ended: how },
    ...(error === undefined ? {} : { error }),
    ...(as === undefined ? {} : { upstream: { mode: 'agent', user: as, groups: [] } }),
  }
  const leaf = { kind: 'agent.call', phase: 'state', call: one.id } as const
  return ended(begun(leaf, one.at + milliseconds, head), one.at + milliseconds, head)
}

function begun(
  leaf: Pick<Leaf, 'kind' | 'phase' | 'session'>,
  time: number,
  head: Head | undefined,
): OurCall {
  const action = head?.action ?? {}
  const field = (name: string): string => (typeof action[name] === 'string' ? (action[name] as string) : '')
  const body = action.body as { readonly name?: unknown } | undefined
  return {
    connection: head?.connection ?? '',
    own: leaf.kind === 'agent.call',
    verb: field('verb'),
    object:
      field('resource') === ''
        ? undefined
        : {
            apiGroup: field('apiGroup'),
            apiVersion: field('apiVersion'),
            resource: field('resource'),
            subresource: field('subresource'),
            namespace: field('namespace'),
            name: field('name'),
          },
    path: field('path'),
    bodyName: typeof body?.name === 'string' ? body.name : '',
    session: leaf.session,
    begun: leaf.phase === 'state' ? time - (head?.result?.milliseconds ?? 0) : time,
    ended: undefined,
    state: 'open',
    reason: '',
    status: 0,
    user: undefined,
    groups: [],
    seen: 'no',
    times: '',
  }
}

/** What the outcome says of whether and how the cluster answered. */
function ended(call: OurCall, time: number, head: Head | undefined): OurCall {
  call.ended = time
  call.user = head?.upstream?.user
  call.groups = head?.upstream?.groups ?? []
  const { result, error, upstream } = head ?? {}
  const sent = upstream !== undefined || call.own
  if (head === undefined || head.facts?.closedByLog === true) call.state = 'uncertain'
  else if (!sent || error?.code === 'denied-by-agent') call.state = 'refused'
  else {
    // `status` is what the cluster said to this request, where its caller was told something else.
    const told = error === undefined ? (upstream?.status ?? result?.code) : upstream?.status
    const status = call.own ? result?.code : told
    call.status = status ?? 0
    call.state = call.status > 0 ? 'answered' : 'uncertain'
  }
  call.reason = [error?.code, error?.check].filter(part => part !== undefined).join(' ')
  return call
}
