import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import type { Finding, FingerprintFinder, MaskRule } from '../contract.ts'
import { DigestMemory } from './digest-memory.ts'
import { type Fingerprint, FingerprintSet, SOURCES } from './fingerprint-set.ts'
import { isWorthRemembering } from './is-worth-remembering.ts'
import { KeyedSample, SHORTEST } from './keyed-sample.ts'
import { type Unit, Units, unitsOf } from './units.ts'

export interface FingerprintOptions {
  /** `MaskingKeys.fingerprints`. */
  readonly key: KeyObject
  /** Under which matches are reported. */
  readonly rule: MaskRule
  /** Values held at most; default 100,000. */
  readonly capacity?: number
  readonly now?: () => number
  /** A value was seen for the first time. */
  readonly onLearned?: (one: Fingerprint) => void
}

export interface Fingerprints extends FingerprintFinder {
  /** Values held. */
  readonly size: number
  /** Values that came too fast from one place, and are not remembered. */
  readonly refused: number
  /** Keyed hash of a value, 32 hex digits: the same for the same value in all gateways of a store, whether it is remembered or not. */
  fingerprintOf(value: string): string
  /** What another gateway learned, or this one before it was started. */
  add(one: Fingerprint): void
  /** Whether it is still remembered. */
  holds(one: Fingerprint): boolean
}

const CAPACITY = 100_000
/** Values that one place may bring at once, and then every second. */
const BURST = 20_000
const A_SECOND = 5

export function createFingerprints(options: FingerprintOptions): Fingerprints {
  const { key, rule } = options
  const now = options.now ?? Date.now
  const sample = new KeyedSample(keyFor('samples', key))
  const digests = new DigestMemory(keyFor('values', key))
  const set = new FingerprintSet(options.capacity ?? CAPACITY)
  const units = new Units(sample, set)
  const sources = sourceNumbers(keyFor('sources', key))
  const taken = new Float64Array(SOURCES)
  const takenAt = new Float64Array(SOURCES)
  let refused = 0

  function isKnown(bytes: Uint8Array, start: number, end: number): boolean {
    if (!units.mayBe(bytes, start, end)) return false
    return set.has(sample.whole(bytes, start, end - start), digests.of(bytes, start, end))
  }

  function isKnownUnit(bytes: Buffer, unit: Unit): boolean {
    if (!unit.isBase64) return isKnown(bytes, unit.start, unit.end) && !isDigest(bytes, unit.start)
    const decoded = Buffer.from(bytes.toString('latin1', unit.start, unit.end), 'base64')
    const end = trimmedEnd(decoded, 0, decoded.length)
    return isKnown(decoded, 0, decoded.length) || isKnown(decoded, 0, end)
  }

  function mayTake(source: number): boolean {
    const at = now()
    const spent = Math.max(0, taken[source]! - ((at - takenAt[source]!) / 1000) * A_SECOND)
    takenAt[source] = at
    taken[source] = spent
    if (spent + 1 > BURST) return false
    taken[source] = spent + 1
    return true
  }

  function findIn(bytes: Buffer, found: Finding[]): void {
    const end = bytes.length
    const [from, to] = [trimmedStart(bytes, 0, end), trimmedEnd(bytes, 0, end)]
    if (isKnown(bytes, from, to)) {
      found.push({ start: from, end: to, rule })
      return
    }
    for (let at = 0; units.next(bytes, at, end); at = units.end + 1) {
      const first = found.length
      for (const unit of unitsOf(bytes, units.start, units.end)) {
        const isWithin = found.some((f, i) => i >= first && f.start < unit.end && unit.start < f.end)
        if (isWithin || !isKnownUnit(bytes, unit)) continue
        found.push({ start: unit.start, end: unit.isBase64 ? pastPadding(bytes, unit.end) : unit.end, rule })
      }
      if (found.length > first + 1) found.push(...found.splice(first).sort((a, b) => a.start - b.start))
    }
  }

  return {
    get size() {
      return set.size
    },
    get changes() {
      return set.added
    },
    get refused() {
      return refused
    },
    mayHold(bytes, start, end) {
      if (end - start < SHORTEST || set.size === 0) return false
      if (units.next(bytes, start, end)) return true
      if (units.isOneWord) return false
      const [from, to] = [trimmedStart(bytes, start, end), trimmedEnd(bytes, start, end)]
      return units.mayBe(bytes, from, to)
    },
    find(text, found) {
      if (text.length < SHORTEST || set.size === 0) return
      const bytes = Buffer.from(text, 'latin1')
      if (this.mayHold(bytes, 0, bytes.length)) findIn(bytes, found)
    },
    match(value) {
      const bytes = Buffer.from(value, 'latin1')
      const end = bytes.length
      return isKnown(bytes, trimmedStart(bytes, 0, end), trimmedEnd(bytes, 0, end)) ? rule : undefined
    },
    learn(value, _rule, source = '') {
      const all = Buffer.from(value, 'latin1')
      const bytes = all.subarray(trimmedStart(all, 0, all.length), trimmedEnd(all, 0, all.length))
      if (isKnown(bytes, 0, bytes.length)) return
      if (!isWorthRemembering(bytes.toString('latin1'))) return
      const from = sources(source)
      if (!mayTake(from)) {
        refused += 1
        return
      }
      const one: Fingerprint = {
        digest: digests.exact(bytes),
        head: sample.head(bytes, 0),
        whole: sample.whole(bytes, 0, bytes.length),
        source: from,
      }
      if (set.add(one)) options.onLearned?.(one)
    },
    fingerprintOf(value) {
      const bytes = Buffer.from(value, 'latin1')
      const end = bytes.length
      return digests
        .exact(bytes.subarray(trimmedStart(bytes, 0, end), trimmedEnd(bytes, 0, end)))
        .toString('hex')
    },
    add: one => void set.add(one),
    holds: one => set.holds(one.whole, one.digest),
  }
}

/** One key for each use, so that nobody who may ask for the hash of a value learns what another use is made of. */
function keyFor(use: string, key: KeyObject): KeyObject {
  return createSecretKey(createHmac('sha256', key).update(`sallyport fingerprints: ${use}`).digest())
}

/** The number of a place, by a keyed hash, and kept, because a list asks for the same one many times. */
function sourceNumbers(key: KeyObject): (source: string) => number {
  let known = new Map<string, number>()
  return source => {
    let number = known.get(source)
    if (number === undefined) {
      const hash = createHmac('sha256', key).update(source).digest()
      number = hash.readUInt32LE(0) % SOURCES
      if (known.size > SOURCES) known = new Map()
      known.set(source, number)
    }
    return number
  }
}

/** What stands behind the name of a digest's algorithm is a digest, whoever has put it into a Secret. */
function isDigest(bytes: Buffer, start: number): boolean {
  return (
    bytes[start - 1] === 0x3a &&
    /(?:sha(?:1|224|256|384|512)|md5):$/.test(bytes.toString('latin1', Math.max(0, start - 8), start))
  )
}

function trimmedStart(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && bytes[at]! <= 0x20) at += 1
  return at
}

function trimmedEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = end
  while (at > start && bytes[at - 1]! <= 0x20) at -= 1
  return at
}

function pastPadding(bytes: Uint8Array, end: number): number {
  let at = end
  while (at < end + 2 && bytes[at] === 0x3d) at += 1
  return at
}
