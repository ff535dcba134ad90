import type { Identity } from '../../keys/age/age.ts'
import type { FieldFacts } from '../deltas/format.ts'
import { closedValue, type OpenedDelta, openValue, restore } from '../deltas/read-delta.ts'
import type { CallPlaces, EntryPlace } from '../index/messages.ts'
import type { IndexedLog } from '../index/open-index.ts'
import type { AuditIndex } from '../search/contract.ts'
import { readRecordsAt } from '../segments/cursor.ts'
import { type DataKeyring, dataKeyring } from '../segments/open-records.ts'
import { RecordType, readHeader, recordContext } from '../segments/record.ts'
import type { Revealed, RevealedBody, RevealedValue } from './contract.ts'
import type { RevealScope } from './scope.ts'
import { textOrBase64 } from './unlock.ts'

/** Calls of a session, and values, of one reveal. */
const CALLS = 500
const VALUES = 20_000
/** Bytes of bodies. */
const BYTES = 32 * 1024 * 1024

const SIDES = [
  ['request', RecordType.request, RecordType.requestDelta],
  ['response', RecordType.response, RecordType.responseDelta],
] as const

export interface ScopeRead {
  readonly revealed: Revealed
  /** What was looked at: nothing when there is no such call or session. */
  readonly calls: readonly CallPlaces[]
}

/** Where the calls of a scope are. @throws Error when another gateway holds one. */
export async function placesOfScope(index: AuditIndex, scope: RevealScope): Promise<CallPlaces[]> {
  if ('call' in scope) {
    const places = await index.places(scope.call)
    return places === undefined ? [] : [places]
  }
  const found: CallPlaces[] = []
  for (let after: string | undefined; ; ) {
    const page = await index.search({
      limit: 100,
      session: scope.session,
      ...(after === undefined ? {} : { after }),
    })
    for (const { call } of page.items) {
      const places = found.length > CALLS ? undefined : await index.places(call)
      if (places !== undefined && places.row.session === scope.session) found.push(places)
    }
    after = page.next
    if (after === undefined || found.length > CALLS) return found
  }
}

/**
 * Opens what is sealed in a scope, in memory. The one place in which sealed epoch keys are unwrapped to read.
 * @param identities Of recipients, when it runs on the machine of one.
 */
export async function readScope(
  log: Pick<IndexedLog, 'files' | 'dataDir' | 'origin' | 'epochs' | 'flush'>,
  places: readonly CallPlaces[],
  scope: RevealScope,
  identities: readonly Identity[] = [],
): Promise<Revealed> {
  await log.flush()
  const keyring = dataKeyring(log.origin, id => log.epochs.find(id), 'all', identities)
  const out: Gathered = { values: [], bodies: [], truncated: places.length > CALLS, bytes: 0 }
  const pointer = 'pointer' in scope ? scope.pointer : undefined
  try {
    for (const one of places.slice(0, CALLS)) {
      if (one.more) out.truncated = true
      await readCall(log, one, pointer, keyring, out)
    }
  } finally {
    keyring.forget()
  }
  return { values: out.values, bodies: out.bodies, truncated: out.truncated }
}

interface Gathered {
  readonly values: RevealedValue[]
  readonly bodies: RevealedBody[]
  truncated: boolean
  bytes: number
}

/** One side of a call, over its entries. */
interface Side {
  mediaType: string
  /** Null as soon as a piece cannot be had. */
  pieces: Buffer[] | null
  state: RevealedBody['state']
  sealed: boolean
  masked: boolean
  lockedKey: string
  readonly records: string[]
}

async function readCall(
  log: Pick<IndexedLog, 'files' | 'dataDir' | 'origin'>,
  places: CallPlaces,
  pointer: string | undefined,
  keyring: DataKeyring,
  out: Gathered,
): Promise<void> {
  const { call } = places.row
  const sides = { request: newSide(), response: newSide() }
  for (const entry of places.entries) {
    if (entry.bodies.length === 0) continue
    const payloads = await readRecordsAt(log.files, log.dataDir, log.origin, entry, entry.keys, keyring)
    const opened = keyring.open(payloads)
    for (const [side, type, deltaType] of SIDES) {
      const body = opened[side]
      if (body === null) continue
      const delta = opened[`${side}Delta`]
      if (delta !== null) addValues(call, entry, side, delta, deltaType, pointer, keyring, out)
      if (pointer !== undefined) continue
      const into = sides[side]
      into.mediaType ||= body.mediaType
      if (body.sealed)
        addSealed(
          into,
          body.bytes,
          payloads.filter(one => one[0] === type),
          keyring,
        )
      else if (delta === null) into.pieces?.push(body.bytes)
      else addRestored(into, body.bytes, delta, deltaType, entry, keyring)
    }
  }
  const context = recordContext(log.origin, places.row.session ?? '').toString('base64')
  for (const [side] of SIDES) addBody(call, side, sides[side], context, out)
}

function newSide(): Side {
  return {
    mediaType: '',
    pieces: [],
    state: 'open',
    sealed: false,
    masked: false,
    lockedKey: '',
    records: [],
  }
}

function addValues(
  call: string,
  entry: EntryPlace,
  side: 'request' | 'response',
  delta: OpenedDelta,
  type: RecordType,
  pointer: string | undefined,
  keyring: DataKeyring,
  out: Gathered,
): void {
  const { rules, fields, seal } = delta.facts
  const by = seal === undefined ? undefined : keyring.valueKey(seal.kid, type, entry.seq)
  const locked = seal === undefined ? undefined : keyring.lockedKey(seal.kid)
  for (const [number, field] of fields.entries()) {
    const [, , , rule, , at] = field
    if (pointer !== undefined && pointer !== at) continue
    if (out.values.length >= VALUES) {
      out.truncated = true
      return
    }
    const common = { call, entry: entry.seq, side, pointer: at, rule: rules[rule] ?? '' }
    out.values.push({ ...common, ...stateOf(delta, number, field, type, entry.seq) })
  }

  function stateOf(
    from: OpenedDelta,
    number: number,
    field: FieldFacts,
    recordType: RecordType,
    seq: number,
  ): Pick<RevealedValue, 'state' | 'text' | 'base64' | 'locked'> {
    if (field[4] !== 'raw') return { state: 'not-kept' }
    if (by !== undefined) return { state: 'open', ...textOrBase64(openValue(from, number, by)!) }
    if (locked === undefined) return { state: 'destroyed' }
    const closed = closedValue(from, number, keyring.origin, locked.session, recordType, seq)
    return {
      state: 'recipients',
      locked: {
        key: locked.key.toString('base64'),
        commitment: from.facts.seal!.key,
        nonce: closed.nonce.toString('base64'),
        context: closed.context.toString('base64'),
        sealed: closed.sealed.toString('base64'),
      },
    }
  }
}

function addSealed(into: Side, bytes: Buffer, records: readonly Buffer[], keyring: DataKeyring): void {
  into.sealed = true
  const kid = readHeader(records[0]!).kid.toString('hex')
  if (keyring.has(kid)) {
    into.pieces?.push(bytes)
    return
  }
  into.pieces = null
  const locked = keyring.lockedKey(kid)
  into.state = locked === undefined ? 'destroyed' : 'recipients'
  into.lockedKey = locked?.key.toString('base64') ?? ''
  into.records.push(...records.map(one => one.toString('base64')))
}

function addRestored(
  into: Side,
  masked: Buffer,
  delta: OpenedDelta,
  type: RecordType,
  entry: EntryPlace,
  keyring: DataKeyring,
): void {
  into.masked = true
  const { seal } = delta.facts
  const by = seal === undefined ? undefined : keyring.valueKey(seal.kid, type, entry.seq)
  const original = by === undefined ? null : restore(delta, masked, by)
  if (original === null) into.pieces = null
  else into.pieces?.push(original)
}

function addBody(
  call: string,
  side: 'request' | 'response',
  { mediaType, pieces, state, sealed, masked, lockedKey, records }: Side,
  context: string,
  out: Gathered,
): void {
  // What was neither sealed nor masked is in the trail already; what cannot be restored is in its values, as far as kept.
  if (!sealed && (!masked || pieces === null)) return
  const common = { call, side, mediaType, restored: masked }
  if (pieces === null) {
    const locked = { key: lockedKey, context, records }
    out.bodies.push({ ...common, state, ...(state === 'recipients' ? { locked } : {}) })
    return
  }
  const whole = Buffer.concat(pieces)
  if (out.bytes + whole.length > BYTES) {
    out.truncated = true
    return
  }
  out.bytes += whole.length
  out.bodies.push({ ...common, state: 'open', ...textOrBase64(whole) })
}
