import { type JsonDocument, type Node, NUMBER } from '../../kubernetes/json/document.ts'
import { readJson } from '../../kubernetes/json/read-json.ts'
import { canonical } from '../json/canonical.ts'
import { escapeSegment } from '../json/names.ts'
import { placeOf } from './operations.ts'
import { unpack } from './packed.ts'

/** One string or number of a live object that its masked view shows otherwise. */
export interface Masking {
  /** What a caller saw. */
  readonly seen: string
  /** What is there; null when two values look the same there: then neither is known. */
  readonly real: string | null
  readonly isNumber: boolean
}

/**
 * What of a live object is masked, by canonical place: the ground on which a written placeholder is judged. Nothing else
 * is needed to know whether it belongs where it was written, for the view is made anew by the same rules.
 */
export interface Atlas {
  /** Null: there is no object yet, so a write cannot be pinned to a version. */
  readonly resourceVersion: string | null
  /** What is masked at a canonical place. Several, where elements of an array have the same name. */
  at(place: string): readonly Masking[]
  /** The place that a JSON pointer (RFC 6901) means in the live object. */
  placeOf(pointer: string): string
  /** Whether something masked is at a place or below it. */
  reaches(place: string): boolean
  /** Members that the view leaves out, by the place of their object. */
  readonly dropped: readonly { readonly place: string; readonly name: string; readonly json: Buffer }[]
}

/** Where there is no object: a placeholder is at home nowhere. */
export const NOTHING_LIVE: Atlas = {
  resourceVersion: null,
  at: () => [],
  placeOf: pointer => pointer,
  reaches: () => false,
  dropped: [],
}

const LIMITS = { maximumBytes: 32 * 1024 * 1024, maximumDepth: 200, maximumTokens: 4_000_000 }

/** Null when one of the two cannot be read, or they are not the same object. */
export function readAtlas(live: Buffer, masked: Buffer): Atlas | null {
  const real = readJson(live, LIMITS)
  const seen = readJson(masked, LIMITS)
  if ('refused' in real || 'refused' in seen) return null
  const metadata = real.member(0, 'metadata')
  const uid = real.text(real.member(metadata, 'uid')) ?? ''
  const resourceVersion = real.text(real.member(metadata, 'resourceVersion')) ?? ''
  if (uid === '' || resourceVersion === '') return null
  const maskings: Maskings = new Map()
  const dropped: { place: string; name: string; json: Buffer }[] = []
  compare(real, 0, seen, 0, '', maskings, dropped)
  const places = [...maskings.keys()]
  return {
    resourceVersion,
    at: place => maskings.get(place) ?? [],
    placeOf: pointer => placeOf(real, pointer),
    reaches: place =>
      places.some(p => p === place || p.startsWith(`${place}/`) || p.startsWith(`${place}#`)) ||
      dropped.some(d => `${d.place}/` === `${place}/` || `${d.place}/`.startsWith(`${place}/`)),
    dropped,
  }
}

/** What is masked in one value and not in another of the same form, by canonical place. */
export function maskingsBetween(real: Buffer, seen: Buffer): Maskings | null {
  const a = readJson(real, LIMITS)
  const b = readJson(seen, LIMITS)
  if ('refused' in a || 'refused' in b) return null
  const maskings: Maskings = new Map()
  compare(a, 0, b, 0, '', maskings, [])
  return maskings
}

interface Known extends Masking {
  /** Not in a copy that kubectl keeps of the object in the object. */
  readonly isLive: boolean
}

export type Maskings = Map<string, Known[]>

function compare(
  real: JsonDocument,
  a: Node,
  seen: JsonDocument,
  b: Node,
  place: string,
  maskings: Maskings,
  dropped: { place: string; name: string; json: Buffer }[],
): void {
  if (real.isObject(a)) {
    for (const { name, key, value } of membersOf(real, a)) {
      const other = seen.member(b, name)
      const at = `${place}/${escapeSegment(name)}`
      if (other !== undefined) compare(real, value, seen, other, at, maskings, dropped)
      else
        dropped.push({
          place,
          name,
          json: Buffer.from(real.bytes.subarray(real.offset(key) - 1, real.end(value))),
        })
    }
    return
  }
  if (real.isArray(a)) {
    const others = elementsOf(seen, b)
    elementsOf(real, a).forEach((element, i) => {
      const other = others[i]
      if (other !== undefined) {
        compare(real, element, seen, other, `${place}/${labelOf(real, element, i)}`, maskings, dropped)
      }
    })
    return
  }
  if (real.kind(a) === NUMBER) {
    add(maskings, place, {
      seen: seen.kind(b) === NUMBER ? seen.numberText(b) : '',
      real: real.numberText(a),
      isNumber: true,
    })
    return
  }
  const text = real.text(a)
  const masked = seen.text(b)
  if (text === undefined || masked === undefined || text === masked) return
  const inner = innerOf(text)
  const innerSeen = inner === null ? null : innerOf(masked)
  if (inner !== null && innerSeen !== null) compare(inner, 0, innerSeen, 0, `${place}#`, maskings, dropped)
  add(maskings, place, { seen: masked, real: text, isNumber: false })
}

/** JSON in a text, as it is or packed. */
export function innerOf(text: string): JsonDocument | null {
  const plain = /^\s*[{[]/.test(text) ? Buffer.from(text) : unpack(text)?.plain
  if (plain === undefined) return null
  const document = readJson(plain, LIMITS)
  return 'refused' in document ? null : document
}

/** Two values that look the same at one place would make it a guess which one is meant: then neither is. */
function add(maskings: Maskings, place: string, masking: Masking): void {
  if (masking.seen === masking.real) return
  const key = canonical(place)
  const isLive = key === place
  const known = maskings.get(key) ?? []
  maskings.set(key, known)
  const same = known.findIndex(other => other.seen === masking.seen && other.isNumber === masking.isNumber)
  const other = known[same]
  if (other === undefined) known.push({ ...masking, isLive })
  else if (other.real === masking.real || (other.isLive && !isLive)) return
  else known[same] = other.isLive === isLive ? { ...other, real: null } : { ...masking, isLive }
}

export interface Member {
  readonly name: string
  readonly key: Node
  readonly value: Node
}

export function membersOf(document: JsonDocument, node: Node): Member[] {
  const members: Member[] = []
  const end = document.after(node)
  for (let key = document.first(node); key < end; ) {
    const value = document.first(key)
    members.push({ name: document.text(key)!, key, value })
    key = document.after(value)
  }
  return members
}

export function elementsOf(document: JsonDocument, node: Node): Node[] {
  if (!document.isArray(node)) return []
  const elements: Node[] = []
  const end = document.after(node)
  for (let at = document.first(node); at < end; at = document.after(at)) elements.push(at)
  return elements
}

/** An element that has a name keeps its place when others come and go. */
export function labelOf(document: JsonDocument, element: Node, index: number): string {
  const label = document.isObject(element) ? document.text(document.member(element, 'name')) : undefined
  return label === undefined || label === '' ? String(index) : `[name=${escapeSegment(label)}]`
}
