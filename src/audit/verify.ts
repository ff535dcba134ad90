/**
 * Checks a Sallyport audit log offline. One file, nothing but Node: copy it beside the log and run
 *
 *     node verify.ts DIR --vkey KEY [--witness KEY]... [--quorum K] [--old-checkpoint FILE]... [--keys KEKFILE]
 *         [--live] [--json]
 *     node verify.ts FILE.tlog-proof --vkey KEY [--witness KEY]... [--quorum K] [--leaf FILE] [--json]
 *
 * DIR holds `checkpoint` and `tile/` (C2SP tlog-tiles), perhaps `segments/` (encrypted heads and bodies), and for
 * `--keys` also `keys/`. KEY is the verifier key of the log, or a file with it, from somebody you trust and not
 * from DIR. A checkpoint kept from last time proves that nothing since was rewritten or cut off. `--live` is for
 * the directory of a running gateway: calls that are still under way may lack an outcome. `--witness` is the
 * verifier key of somebody who cosigns the log; so many as `--quorum` says (all that are given, without it) must have.
 * Without a witness or a kept checkpoint nothing tells a log that the holder of its key rewrote whole and signed
 * again from the first one: the report then says `unwitnessed`.
 *
 * Exit status: 0 all checks passed, 6 at least one failed, 2 wrong use. Nothing is written. Memory does not grow
 * with the log. This file shares no code with the writer of the log, so that both must be right.
 */
import { createDecipheriv, createHash, createPublicKey, hash, verify } from 'node:crypto'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

export interface VerifyOptions {
  readonly directory: string
  /** `<origin>+<key id>+<base64>` */
  readonly vkey: string
  /** Signed notes kept from earlier. */
  readonly oldCheckpoints?: readonly string[]
  /** File with the key that wraps the epoch keys: heads and bodies are decrypted and compared as well. */
  readonly keyFile?: string
  /**
   * Instead of a key file: the epoch keys by id (32 bytes each), unwrapped by somebody who may ask a key service; null for
   * one that it did not open.
   */
  readonly epochKeys?: ReadonlyMap<string, Buffer | null>
  readonly live?: boolean
  /** Verifier keys of witnesses (C2SP tlog-cosignature v1). */
  readonly witnesses?: readonly string[]
  /** How many of them must have cosigned; all, when absent. */
  readonly quorum?: number
}

export interface ProofOptions extends Pick<VerifyOptions, 'vkey' | 'witnesses' | 'quorum'> {
  /** Text of a C2SP tlog-proof. */
  readonly proof: string
  /** The entry, when the proof does not carry it as extra data. */
  readonly leaf?: Buffer
}

export interface Report {
  readonly ok: boolean
  readonly origin: string
  readonly size: number
  /** Base64, as the checkpoint says. */
  readonly root: string
  readonly checks: readonly Check[]
  /** What is no failure and still worth knowing. */
  readonly notes: readonly string[]
}

export interface Check {
  readonly name: CheckName
  readonly status: 'ok' | 'failed' | 'skipped'
  /** Things looked at. */
  readonly checked: number
  readonly failures: number
  /** The first failures; never more than 20. */
  readonly places: readonly Place[]
  readonly reason?: string
}

export interface Place {
  readonly problem: string
  /** Index of the entry. */
  readonly entry?: number
  readonly call?: string
  /** Relative to the directory. */
  readonly file?: string
  /** Bytes from the start of the file. */
  readonly offset?: number
}

const CHECKS = {
  signature: 'the checkpoint is signed by the key',
  origin: 'the checkpoint is of this log',
  entries: 'every entry is there',
  tiles: 'the tiles hold the hashes of the entries',
  root: 'the root over all entries is the signed one',
  consistency: 'the log continues the checkpoints kept from earlier and those cosigned',
  witnesses: 'enough witnesses have cosigned it',
  inclusion: 'the entry is in the signed tree',
  form: 'every entry is a canonical leaf',
  sequence: 'entries are numbered without a gap',
  time: 'time never goes back',
  intents: 'every outcome and frame has its intent, and no frame is missing',
  outcomes: 'every intent has an outcome',
  records: 'encrypted heads and bodies are the committed ones',
  contents: 'heads and bodies decrypt to the committed ones',
  originals: 'masked bodies restore to the committed originals',
  reveals: 'what was revealed was asked for, approved by another person in time, and opened once',
  shreds: 'keys are gone only where that was recorded, and no hold stood against it',
} as const
type CheckName = keyof typeof CHECKS
const OF_PROOF: readonly CheckName[] = ['signature', 'origin', 'inclusion', 'form', 'witnesses']
const OF_LOG = (Object.keys(CHECKS) as CheckName[]).filter(name => name !== 'inclusion')

const WIDTH = 256
const HASH = 32
const PLACES = 20

/** @throws RangeError when the key or a file given by the caller cannot be used at all. */
export function verifyLog(options: VerifyOptions): Report {
  const key = parseKey(options.vkey)
  const watchers = parseWitnesses(options)
  const results = new Results(OF_LOG)
  const notes: string[] = []
  // Before the checkpoint: in a log that is being written it is the newest.
  const kept = readKept(options, key, results)
  const checkpoint = readCheckpoint(options.directory, key, results)
  if (checkpoint !== null) {
    checkWitnesses(watchers, [...kept, checkpoint], checkpoint.size, results, notes)
    verifyEntries(options, key, checkpoint, kept, results, notes)
  }
  const checks = results.list()
  return {
    ok: checks.every(check => check.status !== 'failed'),
    origin: key.name,
    size: checkpoint?.size ?? 0,
    root: checkpoint?.root.toString('base64') ?? '',
    checks,
    notes,
  }
}

class Results {
  readonly #names: readonly CheckName[]
  readonly #all = new Map<
    CheckName,
    { checked: number; failures: number; places: Place[]; reason?: string }
  >()

  constructor(names: readonly CheckName[]) {
    this.#names = names
  }
  #of(name: CheckName) {
    let result = this.#all.get(name)
    if (result === undefined) {
      result = { checked: 0, failures: 0, places: [] }
      this.#all.set(name, result)
    }
    return result
  }
  /** Looked at, even if there is nothing to find. */
  begin(...names: CheckName[]): void {
    for (const name of names) this.#of(name)
  }
  count(name: CheckName): void {
    this.#of(name).checked += 1
  }
  fail(name: CheckName, place: Place): void {
    const result = this.#of(name)
    result.failures += 1
    if (result.places.length < PLACES) result.places.push(place)
  }
  skip(name: CheckName, reason: string): void {
    this.#of(name).reason = reason
  }
  list(): Check[] {
    return this.#names.map(name => {
      const result = this.#all.get(name) ?? { checked: 0, failures: 0, places: [], reason: 'not reached' }
      const status = result.failures > 0 ? 'failed' : result.reason !== undefined ? 'skipped' : 'ok'
      return { name, status, ...result }
    })
  }
}

// ---- signed notes and checkpoints (C2SP signed-note, tlog-checkpoint) ----

interface Key {
  readonly name: string
  readonly id: Buffer
  readonly publicKey: ReturnType<typeof createPublicKey>
}

interface Checkpoint {
  readonly size: number
  readonly root: Buffer
}

/** @param type 1: of a log, 4: of a witness. */
function parseKey(vkey: string, type = 1): Key {
  const [name = '', id = '', ...rest] = vkey.trim().split('+')
  const typed = Buffer.from(rest.join('+'), 'base64') // base64 may hold plus signs
  if (name === '' || typed.length !== 33 || typed[0] !== type)
    throw new RangeError(`not an Ed25519 verifier key of a ${type === 1 ? 'log' : 'witness'}`)
  const expected = createHash('sha256').update(`${name}\n`).update(typed).digest().subarray(0, 4)
  if (expected.toString('hex') !== id) throw new RangeError('the verifier key does not fit its own key id')
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), typed.subarray(1)])
  return { name, id: expected, publicKey: createPublicKey({ key: der, format: 'der', type: 'spki' }) }
}

function splitNote(note: string): { text: string; signatures: string[] } | null {
  const at = note.lastIndexOf('\n\n')
  if (at < 0 || !note.endsWith('\n')) return null
  return { text: note.slice(0, at + 1), signatures: note.slice(at + 2, -1).split('\n') }
}

/** Null when the signature is good. */
function signatureProblem(note: string, key: Key): string | null {
  const parts = splitNote(note)
  if (parts === null) return 'is not a signed note'
  for (const line of parts.signatures) {
    const match = /^\u2014 ([^\s+]+) (\S+)$/u.exec(line)
    const signature = Buffer.from(match?.[2] ?? '', 'base64')
    if (match?.[1] !== key.name || !signature.subarray(0, 4).equals(key.id)) continue
    if (
      signature.length === 68 &&
      verify(null, Buffer.from(parts.text), key.publicKey, signature.subarray(4))
    ) {
      return null
    }
    return `carries a wrong signature of ${key.name}`
  }
  return `carries no signature of this key of ${key.name}`
}

function parseCheckpoint(note: string): (Checkpoint & { origin: string }) | null {
  const lines = splitNote(note)?.text.split('\n') ?? []
  if (!/^\d{1,15}$/.test(lines[1] ?? '') || !/^[A-Za-z0-9+/]{43}=$/.test(lines[2] ?? '')) return null
  return { origin: lines[0]!, size: Number(lines[1]), root: Buffer.from(lines[2]!, 'base64') }
}

function readCheckpoint(directory: string, key: Key, results: Results): Kept | null {
  const file = 'checkpoint'
  const note = readOptional(join(directory, file))?.toString() ?? null
  results.count('signature')
  if (note === null) {
    results.fail('signature', { problem: 'there is no checkpoint', file })
    return null
  }
  const checkpoint = checkNote(note, key, results, { file })
  return checkpoint === null ? null : { ...checkpoint, note, what: 'the checkpoint' }
}

function checkNote(note: string, key: Key, results: Results, where: { file?: string }): Checkpoint | null {
  if (where.file === undefined) results.count('signature')
  const problem = signatureProblem(note, key)
  if (problem !== null) results.fail('signature', { problem: `the checkpoint ${problem}`, ...where })
  const checkpoint = parseCheckpoint(note)
  results.count('origin')
  if (checkpoint === null)
    results.fail('origin', { problem: 'the text of the checkpoint is malformed', ...where })
  else if (checkpoint.origin !== key.name) {
    results.fail('origin', {
      problem: `the checkpoint is of ${checkpoint.origin}, the key of ${key.name}`,
      ...where,
    })
  }
  return checkpoint
}

/** A signed checkpoint that the log must continue. */
interface Kept extends Checkpoint {
  readonly note: string
  /** Where it is from, for messages. */
  readonly what: string
}

/** What the caller has kept, and what lies cosigned beside the log. */
function readKept(options: VerifyOptions, key: Key, results: Results): Kept[] {
  const kept: Kept[] = []
  for (const note of options.oldCheckpoints ?? []) {
    const problem = signatureProblem(note, key)
    const checkpoint = parseCheckpoint(note)
    if (problem !== null || checkpoint?.origin !== key.name) {
      throw new RangeError(`the old checkpoint ${problem ?? 'is malformed or of another log'}`)
    }
    kept.push({ ...checkpoint, note, what: 'the old checkpoint' })
  }
  const folder = join(options.directory, 'witnesses')
  const single = existsSync(folder) ? readdirSync(folder).map(name => `witnesses/${name}`) : []
  for (const file of ['checkpoint.cosigned', ...single.filter(name => !name.endsWith('.tmp')).sort()]) {
    const note = readOptional(join(options.directory, file))?.toString()
    if (note === undefined) continue
    results.count('signature')
    const problem = signatureProblem(note, key)
    const checkpoint = parseCheckpoint(note)
    if (problem !== null || checkpoint?.origin !== key.name) {
      const what = problem ?? 'is malformed or of another log'
      results.fail('signature', { problem: `the cosigned checkpoint ${what}`, file })
    } else kept.push({ ...checkpoint, note, what: file })
  }
  if (kept.length === 0) results.skip('consistency', 'no old checkpoint given, none cosigned')
  return kept
}

// ---- witnesses (C2SP tlog-cosignature) ----

interface Watchers {
  readonly keys: readonly Key[]
  readonly quorum: number
}

function parseWitnesses(options: Pick<VerifyOptions, 'witnesses' | 'quorum'>): Watchers {
  const keys = [...new Set((options.witnesses ?? []).map(vkey => vkey.trim()))].map(vkey => parseKey(vkey, 4))
  const quorum = options.quorum ?? keys.length
  if (!Number.isInteger(quorum) || quorum > keys.length || (quorum < 1 && keys.length > 0)) {
    throw new RangeError(`the quorum must be from 1 to the number of witnesses, ${keys.length}`)
  }
  return { keys, quorum }
}

/** Seconds since the epoch; null when it carries none of this key; a text says what is wrong. */
function cosignature(note: string, key: Key): number | null | string {
  const parts = splitNote(note)
  let newest: number | null = null
  for (const line of parts?.signatures ?? []) {
    const match = /^\u2014 ([^\s+]+) (\S+)$/u.exec(line)
    const signature = Buffer.from(match?.[2] ?? '', 'base64')
    if (match?.[1] !== key.name || !signature.subarray(0, 4).equals(key.id)) continue
    if (signature.length !== 76) return `the cosignature of ${key.name} is malformed`
    const time = signature.readBigUInt64BE(4)
    const message = Buffer.from(`cosignature/v1\ntime ${time}\n${parts!.text}`)
    if (!verify(null, message, key.publicKey, signature.subarray(12)))
      return `the cosignature of ${key.name} is wrong`
    newest = Math.max(newest ?? 0, Number(time))
  }
  return newest
}

function checkWitnesses(
  { keys, quorum }: Watchers,
  found: readonly Kept[],
  size: number,
  results: Results,
  notes: string[],
): void {
  if (keys.length === 0) {
    results.skip('witnesses', 'no witness given')
    notes.push(
      'unwitnessed: whoever holds the key of the log could have rewritten it; give --witness or --old-checkpoint',
    )
    return
  }
  const reach: number[] = []
  for (const key of keys) {
    results.count('witnesses')
    let best: { size: number; time: number } | null = null
    for (const one of found) {
      const time = cosignature(one.note, key)
      if (typeof time === 'string') results.fail('witnesses', { problem: `${one.what}: ${time}` })
      else if (time !== null && one.size >= (best?.size ?? 0)) best = { size: one.size, time }
    }
    if (best === null) notes.push(`${key.name} has cosigned nothing that is here`)
    else {
      reach.push(best.size)
      const when = new Date(Math.min(best.time * 1000, 8.64e15)).toISOString()
      notes.push(`${key.name} has cosigned ${best.size} of ${size} entries, at ${when}`)
    }
  }
  if (reach.length < quorum) {
    results.fail('witnesses', {
      problem: `${reach.length} of ${keys.length} witnesses have cosigned it, ${quorum} must`,
    })
    return
  }
  const covered = reach.sort((a, b) => b - a)[quorum - 1]!
  if (covered < size) notes.push(`unwitnessed: the entries from ${covered} on`)
}

// ---- one entry (C2SP tlog-proof) ----

/** @throws RangeError when the key or the proof cannot be used at all. */
export function verifyProof(options: ProofOptions): Report {
  const key = parseKey(options.vkey)
  const watchers = parseWitnesses(options)
  const results = new Results(OF_PROOF)
  const notes: string[] = []
  const { index, path, extra, note } = parseProof(options.proof)
  const leaf = options.leaf ?? extra
  if (leaf === undefined) throw new RangeError('the proof carries no entry: give it with --leaf')
  const checkpoint = checkNote(note, key, results, {})
  if (checkpoint !== null) {
    results.count('inclusion')
    const leafHash = hash('sha256', Buffer.concat([Buffer.from([0]), leaf]), 'buffer')
    const root = rootOfPath(leafHash, index, checkpoint.size, path)
    if (root === null || !root.equals(checkpoint.root)) {
      results.fail('inclusion', {
        problem: 'the proof does not lead from this entry to the signed root',
        entry: index,
      })
    }
    results.count('form')
    const parsed = parseLeaf(leaf)
    if (typeof parsed === 'string') results.fail('form', { problem: `the entry ${parsed}`, entry: index })
    else if (parsed.seq !== index) {
      results.fail('form', { problem: `the entry says that it is entry ${parsed.seq}`, entry: index })
    } else
      notes.push(`entry ${index}: ${parsed.kind} ${parsed.phase} of call ${parsed.call} at ${parsed.time}`)
    checkWitnesses(
      watchers,
      [{ ...checkpoint, note, what: 'the checkpoint' }],
      checkpoint.size,
      results,
      notes,
    )
  }
  const checks = results.list()
  return {
    ok: checks.every(check => check.status !== 'failed'),
    origin: key.name,
    size: checkpoint?.size ?? 0,
    root: checkpoint?.root.toString('base64') ?? '',
    checks,
    notes,
  }
}

function parseProof(text: string): { index: number; path: Buffer[]; extra?: Buffer; note: string } {
  const end = text.indexOf('\n\n')
  const lines = end < 0 ? [] : text.slice(0, end).split('\n')
  if (lines.shift() !== 'c2sp.org/tlog-proof@v1') throw new RangeError('this is no c2sp.org/tlog-proof@v1')
  const extra =
    lines[0]?.startsWith('extra ') === true ? Buffer.from(lines.shift()!.slice(6), 'base64') : undefined
  const index = /^index (0|[1-9]\d{0,14})$/.exec(lines.shift() ?? '')
  if (index === null) throw new RangeError('the proof names no index')
  if (lines.length > 63 || lines.some(line => !/^[A-Za-z0-9+/]{43}=$/.test(line))) {
    throw new RangeError('a line of the proof is no hash')
  }
  const path = lines.map(line => Buffer.from(line, 'base64'))
  return {
    index: Number(index[1]),
    path,
    note: text.slice(end + 2),
    ...(extra === undefined ? {} : { extra }),
  }
}

/** RFC 9162 section 2.1.3.2; null when the path has not the right length. */
function rootOfPath(leafHash: Buffer, index: number, size: number, path: readonly Buffer[]): Buffer | null {
  if (index >= size) return null
  let at = BigInt(index)
  let last = BigInt(size - 1)
  let root = leafHash
  for (const sibling of path) {
    if (last === 0n) return null
    if ((at & 1n) === 1n || at === last) {
      root = node(sibling, root)
      while ((at & 1n) === 0n && at !== 0n) {
        at >>= 1n
        last >>= 1n
      }
    } else root = node(root, sibling)
    at >>= 1n
    last >>= 1n
  }
  return last === 0n ? root : null
}

// ---- the tree (RFC 6962) and its tiles (C2SP tlog-tiles) ----

function node(left: Uint8Array, right: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from([1]), left, right]), 'buffer')
}

function perfect(hashes: readonly Buffer[]): Buffer {
  let row = hashes
  while (row.length > 1) {
    const above: Buffer[] = []
    for (let at = 0; at < row.length; at += 2) above.push(node(row[at]!, row[at + 1]!))
    row = above
  }
  return row[0]!
}

/** MTH from the hashes of each level that no full tile has taken yet. */
function rootOf(levels: readonly (readonly Buffer[])[]): Buffer {
  let root: Buffer | null = null
  for (const level of levels) {
    let end = level.length
    for (let bit = 1; end > 0; bit *= 2) {
      if ((end & bit) === 0) continue
      const peak = perfect(level.slice(end - bit, end))
      root = root === null ? peak : node(peak, root)
      end -= bit
    }
  }
  return root ?? hash('sha256', '', 'buffer')
}

function resourcePath(kind: number | 'entries', index: number): string {
  let path = String(index % 1000).padStart(3, '0')
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`
  }
  return `tile/${kind}/${path}`
}

/** The exact resource, or a wider one: the log only grows, and older partial resources may have been removed. */
function readResource(directory: string, kind: number | 'entries', index: number, width: number) {
  const full = resourcePath(kind, index)
  const names = [full]
  if (width < WIDTH) {
    const wider = existsSync(join(directory, `${full}.p`)) ? readdirSync(join(directory, `${full}.p`)) : []
    const widths = wider.map(Number).filter(found => found > width && found < WIDTH)
    names.unshift(`${full}.p/${width}`)
    names.push(...widths.sort((a, b) => b - a).map(found => `${full}.p/${found}`))
  }
  for (const file of names) {
    const bytes = readOptional(join(directory, file))
    if (bytes !== null) return { file, bytes }
  }
  return { file: names[0]!, bytes: null }
}

function splitBundle(bytes: Buffer, count: number): Buffer[] {
  const entries: Buffer[] = []
  for (let at = 0; at + 2 <= bytes.length && entries.length < count; ) {
    const end = at + 2 + bytes.readUInt16BE(at)
    if (end > bytes.length) break
    entries.push(bytes.subarray(at + 2, end))
    at = end
  }
  return entries
}

class TreeCheck {
  readonly #directory: string
  readonly #results: Results
  readonly #levels: Buffer[][] = [[]]
  readonly #done: number[] = [0]

  constructor(directory: string, results: Results) {
    this.#directory = directory
    this.#results = results
  }
  root(): Buffer {
    return rootOf(this.#levels)
  }
  add(leafHash: Buffer): void {
    this.#push(0, leafHash)
  }
  /** Compares the tiles of the right edge. */
  finish(): void {
    for (const [level, hashes] of this.#levels.entries()) if (hashes.length > 0) this.#compare(level, hashes)
  }
  #push(level: number, digest: Buffer): void {
    this.#levels[level] ??= []
    this.#done[level] ??= 0
    const hashes = this.#levels[level]
    hashes.push(digest)
    if (hashes.length < WIDTH) return
    this.#compare(level, hashes)
    this.#levels[level] = []
    this.#done[level] += 1
    this.#push(level + 1, perfect(hashes))
  }
  #compare(level: number, hashes: readonly Buffer[]): void {
    const index = this.#done[level]!
    const span = WIDTH ** level
    const { file, bytes } = readResource(this.#directory, level, index, hashes.length)
    this.#results.count('tiles')
    if (bytes === null || bytes.length < hashes.length * HASH) {
      const problem = bytes === null ? 'the tile is missing' : 'the tile is too short'
      this.#results.fail('tiles', { problem, file, entry: index * WIDTH * span })
      return
    }
    for (const [at, digest] of hashes.entries()) {
      if (digest.equals(bytes.subarray(at * HASH, (at + 1) * HASH))) continue
      const entry = (index * WIDTH + at) * span
      const what = level === 0 ? `entry ${entry}` : `entries ${entry} to ${entry + span - 1}`
      this.#results.fail('tiles', {
        problem: `hash ${at} is not that of ${what}`,
        file,
        offset: at * HASH,
        entry,
      })
    }
  }
}

// ---- leaves ----

interface Commitment {
  readonly ct: string
  readonly pt: string
  readonly class?: string
  readonly n?: number
}

interface Leaf {
  readonly v: number
  readonly seq: number
  readonly call: string
  readonly kind: string
  readonly phase: string
  readonly time: string
  readonly session?: string
  /** Of `key.shred`: which key. */
  readonly epoch?: string
  readonly frame?: number
  readonly frames?: number
  readonly head?: Commitment
  readonly request?: Commitment
  readonly response?: Commitment
  readonly requestDelta?: Commitment
  readonly responseDelta?: Commitment
}

function parseLeaf(bytes: Buffer): Leaf | string {
  if (bytes.length > 1024) return 'is longer than 1024 bytes'
  let leaf: Leaf
  try {
    leaf = JSON.parse(bytes.toString()) as Leaf
  } catch {
    return 'is not JSON'
  }
  if (leaf === null || typeof leaf !== 'object' || canonical(leaf) !== bytes.toString())
    return 'is not canonical JSON'
  if (leaf.v !== 1) return `has version ${leaf.v}`
  if (!['intent', 'frame', 'outcome', 'state'].includes(leaf.phase)) return 'has an unknown phase'
  if (typeof leaf.call !== 'string' || typeof leaf.kind !== 'string') return 'has no call or kind'
  if (leaf.epoch !== undefined && !EPOCH.test(leaf.epoch)) return 'names a key that is none'
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/.test(leaf.time)) return 'has no time in nanoseconds'
  return leaf
}

const EPOCH = /^(shown|sealed)-\d{4}-\d\d-\d\d$/

/** RFC 8785 for what a leaf may hold: objects, ASCII strings, integers. */
function canonical(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const names = Object.keys(value).sort()
  return `{${names.map(name => `"${name}":${canonical((value as Record<string, unknown>)[name])}`).join(',')}}`
}

class CallCheck {
  readonly #results: Results
  readonly #open = new Map<string, { entry: number; frames: number }>()
  #lastStart = -1

  constructor(results: Results) {
    this.#results = results
  }
  add(entry: number, leaf: Leaf): void {
    const { call } = leaf
    if (leaf.kind === 'log.start' || leaf.kind === 'log.recovered') this.#lastStart = entry
    if (leaf.phase === 'state') return
    const known = this.#open.get(call)
    if (leaf.phase === 'intent') {
      this.#results.count('outcomes')
      if (known !== undefined) {
        this.#results.fail('outcomes', { problem: 'a second intent of the same call', entry, call })
      }
      this.#open.set(call, { entry, frames: 0 })
      return
    }
    this.#results.count('intents')
    if (known === undefined) {
      this.#results.fail('intents', { problem: `the ${leaf.phase} has no intent before it`, entry, call })
      return
    }
    if (leaf.phase === 'frame') {
      if (leaf.frame !== known.frames) {
        const problem = `frame ${leaf.frame} stands where frame ${known.frames} belongs`
        this.#results.fail('intents', { problem, entry, call })
      }
      known.frames = (leaf.frame ?? 0) + 1
      return
    }
    if (leaf.frames !== known.frames) {
      const problem = `the outcome counts ${leaf.frames} frames, the log holds ${known.frames}`
      this.#results.fail('intents', { problem, entry, call })
    }
    this.#open.delete(call)
  }
  finish(live: boolean, notes: string[]): void {
    let underWay = 0
    for (const [call, { entry }] of this.#open) {
      if (live && entry > this.#lastStart) underWay += 1
      else this.#results.fail('outcomes', { problem: 'the intent has no outcome', entry, call })
    }
    if (underWay > 0) notes.push(`${underWay} calls were under way when the checkpoint was made`)
  }
}

// ---- encrypted records ----

const HEADER = 44
const TAG = 16
const LONGEST = HEADER + 65_536 + TAG
const PARTS = ['', '', 'head', 'request', 'response', 'requestDelta', 'responseDelta'] as const

interface StoredRecord {
  readonly payload: Buffer
  readonly seq: number
  readonly type: number
  readonly file: string
  readonly offset: number
}

/** All records of all segments in order, through one window. */
class Segments {
  readonly #directory: string
  readonly #files: string[]
  readonly #magic: Buffer
  readonly #results: Results
  #descriptor = -1
  #file = ''
  #position = 0
  #window = Buffer.allocUnsafeSlow(1 << 20)
  #windowAt = 0
  #windowLength = 0
  #next: StoredRecord | null = null
  /** Counts segments, so that keys of an earlier one can be dropped. */
  generation = 0

  constructor(directory: string, origin: string, results: Results) {
    this.#directory = directory
    this.#results = results
    this.#magic = Buffer.from(`sallyport segment 1 ${origin}\n`)
    this.#files = readdirSync(join(directory, 'segments'))
      .filter(name => /^\d{16}\.seg$/.test(name))
      .sort()
  }
  peek(): StoredRecord | null {
    this.#next ??= this.#read()
    return this.#next
  }
  take(): void {
    this.#next = null
  }
  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor)
  }
  #read(): StoredRecord | null {
    for (;;) {
      if (this.#descriptor < 0 && !this.#open()) return null
      const offset = this.#position
      const prefix = this.#bytes(4)
      if (prefix !== null && prefix.length === 4) {
        const length = prefix.readUInt32BE(0)
        const payload = length < HEADER + TAG || length > LONGEST ? null : this.#bytes(length)
        if (payload !== null && payload.length === length) {
          const seq = payload.readUInt32BE(8) * 0x1_0000_0000 + payload.readUInt32BE(12)
          return { payload, seq, type: payload[0]!, file: this.#file, offset }
        }
      }
      if (prefix !== null && prefix.length > 0) {
        this.#results.fail('records', { problem: 'no whole record stands here', file: this.#file, offset })
      }
      closeSync(this.#descriptor)
      this.#descriptor = -1
    }
  }
  #open(): boolean {
    const name = this.#files.shift()
    if (name === undefined) return false
    this.#file = `segments/${name}`
    this.#descriptor = openSync(join(this.#directory, this.#file), 'r')
    this.#position = 0
    this.#windowLength = 0
    this.generation += 1
    if (this.#bytes(this.#magic.length)?.equals(this.#magic) !== true) {
      this.#results.fail('records', { problem: 'not a segment of this log', file: this.#file, offset: 0 })
    }
    return true
  }
  /** Fewer at the end of the file; null for none. */
  #bytes(count: number): Buffer | null {
    if (this.#position < this.#windowAt || this.#position + count > this.#windowAt + this.#windowLength) {
      this.#windowAt = this.#position
      this.#windowLength = readSync(this.#descriptor, this.#window, 0, this.#window.length, this.#position)
    }
    const from = this.#position - this.#windowAt
    const found = this.#window.subarray(from, Math.min(from + count, this.#windowLength))
    this.#position += found.length
    return found.length === 0 ? null : found
  }
}

interface DataKey {
  readonly key: Buffer
  readonly session: string
}

/** An epoch key that is not here, for what it would open. */
class Gone {
  readonly epoch: string
  constructor(epoch: string) {
    this.epoch = epoch
  }
}

/** A data key that only a recipient of age can open. */
class Locked {
  readonly session: string
  constructor(session: string) {
    this.session = session
  }
}

/** Unwraps data keys: file key (if epoch keys were not given), epoch key, data key. */
class Keys {
  readonly #directory: string
  readonly #origin: string
  readonly #wrapping: Buffer | ReadonlyMap<string, Buffer | null>
  readonly #epochs = new Map<string, Buffer | null>()
  #data = new Map<string, DataKey | Gone | Locked>()
  #generation = -1

  constructor(directory: string, origin: string, keyFile: string | ReadonlyMap<string, Buffer | null>) {
    this.#directory = directory
    this.#origin = origin
    if (typeof keyFile !== 'string') {
      this.#wrapping = keyFile
      return
    }
    const text = readOptional(keyFile)?.toString().trim() ?? ''
    if (!/^[0-9a-f]{64}$/.test(text)) throw new RangeError(`${keyFile} does not hold 32 bytes in hex`)
    this.#wrapping = Buffer.from(text, 'hex')
  }
  /** Null when it was read; else what is wrong. */
  learn(payload: Buffer, generation: number): string | null {
    if (generation !== this.#generation) this.#data = new Map()
    this.#generation = generation
    const kid = payload.toString('hex', 16, 32)
    let at = HEADER
    const text = () => {
      const end = at + 2 + payload.readUInt16BE(at)
      const value = payload.toString('utf8', at + 2, end)
      at = end
      return value
    }
    try {
      const epoch = text()
      const session = text()
      const epochKey = this.#epoch(epoch)
      if (epochKey === null) {
        this.#data.set(kid, new Gone(epoch))
        return null
      }
      const keyClass = (payload[1]! & 2) === 0 ? 'shown' : 'sealed'
      const context = `${this.#origin}|${session}|key|${keyClass}|${epoch}|${kid}`
      const key = open(epochKey, payload.subarray(32, HEADER), Buffer.from(context), payload.subarray(at))
      this.#data.set(kid, key.length === HASH ? { key, session } : new Locked(session))
      return null
    } catch {
      return 'the wrapped data key cannot be opened'
    }
  }
  of(payload: Buffer): DataKey | Gone | Locked | undefined {
    return this.byId(payload.toString('hex', 16, 32))
  }
  byId(kid: string): DataKey | Gone | Locked | undefined {
    return this.#data.get(kid)
  }
  #epoch(id: string): Buffer | null {
    const known = this.#epochs.get(id)
    if (known !== undefined) return known
    const text = /^[a-z0-9-]+$/.test(id) ? readOptional(join(this.#directory, 'keys', `${id}.json`)) : null
    let key: Buffer | null = null
    if (text !== null && !Buffer.isBuffer(this.#wrapping)) {
      key = this.#wrapping.get(id) ?? null
      // It is here, so it was not destroyed: nobody must take it for that.
      if (key === null) throw new Error('the epoch key was not unwrapped')
    } else if (text !== null && Buffer.isBuffer(this.#wrapping)) {
      const wrapped = Buffer.from((JSON.parse(text.toString()) as { wrapped: string }).wrapped, 'base64')
      const context = Buffer.from(`epoch=${id}\norigin=${this.#origin}\n`)
      key = open(this.#wrapping, wrapped.subarray(0, 12), context, wrapped.subarray(12))
    }
    this.#epochs.set(id, key)
    return key
  }
}

/** AES-256-GCM; the tag ends the bytes. */
function open(key: Buffer, nonce: Buffer, context: Buffer, bytes: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG })
  decipher.setAAD(context)
  decipher.setAuthTag(bytes.subarray(-TAG))
  return Buffer.concat([decipher.update(bytes.subarray(0, -TAG)), decipher.final()])
}

class RecordCheck {
  readonly #origin: string
  readonly #results: Results
  readonly #segments: Segments
  readonly #keys: Keys | null
  readonly #acts: ActCheck

  constructor(origin: string, results: Results, segments: Segments, keys: Keys | null, acts: ActCheck) {
    this.#origin = origin
    this.#results = results
    this.#segments = segments
    this.#keys = keys
    this.#acts = acts
  }
  /** Takes the records of one entry and compares them with its leaf; a leaf of null cannot be compared. */
  add(entry: number, leaf: Leaf | null): void {
    const parts = new Map<string, PartCheck>()
    for (
      let record = this.#segments.peek();
      record !== null && record.seq <= entry;
      record = this.#segments.peek()
    ) {
      this.#segments.take()
      const { payload, type, file, offset } = record
      const name = PARTS[type] ?? ''
      if (type === 1) {
        const problem = this.#keys?.learn(payload, this.#segments.generation) ?? null
        if (problem !== null) this.#results.fail('contents', { problem, entry, file, offset })
      } else if (record.seq < entry || name === '' || (leaf !== null && leaf[name] === undefined)) {
        this.#results.fail('records', {
          problem: 'no entry commits to this record',
          entry: record.seq,
          file,
          offset,
        })
      } else {
        let part = parts.get(name)
        if (part === undefined) {
          part = new PartCheck(name, file, offset, leaf !== null && keepsPlain(name, leaf))
          parts.set(name, part)
        }
        part.add(record)
        if (this.#keys !== null && leaf !== null) {
          part.decrypt(payload, this.#keys.of(payload), this.#origin, leaf)
        }
      }
    }
    if (leaf === null) return
    for (const name of PARTS) {
      if (name === '') continue
      const committed = leaf[name]
      if (committed === undefined) continue
      this.#results.count('records')
      const part = parts.get(name)
      if (part === undefined) {
        this.#results.fail('records', { problem: `the ${name} is missing`, entry, call: leaf.call })
        continue
      }
      const { file, offset } = part
      const problem = part.recordsProblem(committed)
      if (problem !== null) this.#results.fail('records', { problem, entry, call: leaf.call, file, offset })
      if (this.#keys === null) continue
      if (part.gone === LOCKED) {
        this.#acts.locked += 1
        continue
      }
      if (part.gone !== null) {
        this.#acts.closed(part.gone, { entry, call: leaf.call, file, offset })
        continue
      }
      this.#results.count('contents')
      const wrong = part.contentsProblem(committed)
      if (wrong !== null)
        this.#results.fail('contents', { problem: wrong, entry, call: leaf.call, file, offset })
    }
    if (this.#keys === null) return
    this.#acts.head(leaf, parts.get('head')?.plain() ?? null)
    for (const [type, side] of [
      [5, 'request'],
      [6, 'response'],
    ] as const) {
      const delta = parts.get(`${side}Delta`)?.plain() ?? null
      const masked = parts.get(side)?.plain() ?? null
      if (delta !== null) this.#original(entry, leaf, type, delta, masked)
    }
  }
  /** @param delta The record's plaintext, with its salt; `masked` the body's, with salt and media type. */
  #original(entry: number, leaf: Leaf, type: 5 | 6, delta: Buffer, masked: Buffer | null): void {
    const place = { entry, call: leaf.call }
    this.#results.count('originals')
    try {
      const end = delta.indexOf(10, SALT)
      const facts = JSON.parse(delta.toString('utf8', SALT, end)) as DeltaFacts
      const body = masked?.subarray(masked.indexOf(10, SALT) + 1) ?? Buffer.alloc(0)
      const problem = fieldsProblem(
        facts,
        body.length,
        leaf[type === 5 ? 'requestDelta' : 'responseDelta']?.n,
      )
      if (problem !== null) throw new Error(problem)
      if (facts.seal === undefined) return
      const key = this.#keys!.byId(facts.seal.kid)
      if (key instanceof Gone) {
        this.#acts.closed(key.epoch, place)
        return
      }
      if (key instanceof Locked) {
        this.#acts.locked += 1
        return
      }
      if (key === undefined || key.session !== (leaf.session ?? '')) {
        throw new Error('no data key of its session is known for the masked values')
      }
      const commitment = hash(
        'sha256',
        Buffer.concat([Buffer.from('sallyport sealed key\n'), key.key]),
        'base64url',
      )
      if (commitment !== facts.seal.key)
        throw new Error('the data key of the masked values is not the committed one')
      const original = restored(facts, body, delta.subarray(end + 1), key, this.#origin, type, entry)
      if (facts.original === undefined) return
      const digest = hash('sha256', original, 'base64url')
      if (digest !== facts.original.digest) throw new Error('the restored body is not the committed one')
    } catch (error) {
      this.#results.fail('originals', {
        problem: error instanceof Error ? error.message : String(error),
        ...place,
      })
    }
  }
}

const SALT = 16

/** What is looked into, and not only compared. */
function keepsPlain(name: string, leaf: Leaf): boolean {
  if (name === 'head') return /^(reveal|hold|key)\./.test(leaf.kind)
  return name.endsWith('Delta') || leaf[`${name as 'request' | 'response'}Delta`] !== undefined
}

interface DeltaFacts {
  readonly v: number
  readonly original?: { readonly bytes: number; readonly digest: string }
  readonly seal?: { readonly kid: string; readonly key: string; readonly nonce: string }
  readonly rules: readonly string[]
  /** at, length, bytes, rule, keep, pointer, fingerprint */
  readonly fields: readonly (readonly [number, number, number, number, string, string, string?])[]
}

/** @param length Of the masked body. @param count As the leaf says. */
function fieldsProblem(facts: DeltaFacts, length: number, count: number | undefined): string | null {
  if (facts.v !== 1) return `the list of masked values has version ${facts.v}`
  if (facts.fields.length !== count)
    return `${facts.fields.length} masked values are listed, ${count} committed`
  let end = 0
  for (const [at, bytes, , rule] of facts.fields) {
    if (!(at >= end) || !(bytes >= 0) || at + bytes > length) return 'a masked value lies outside of its body'
    if (facts.rules[rule] === undefined) return 'a masked value names no rule'
    end = at + bytes
  }
  return null
}

/** Opens every value, and puts those of a body that was kept whole where they were, behind the salt. */
function restored(
  facts: DeltaFacts,
  body: Buffer,
  values: Buffer,
  { key, session }: DataKey,
  origin: string,
  type: number,
  entry: number,
): Buffer {
  const { kid, nonce } = facts.seal!
  const first = Buffer.from(nonce, 'hex')
  const start = first.readBigUInt64BE(4)
  const place = Buffer.alloc(29)
  place[0] = type
  place.writeBigUInt64BE(BigInt(entry), 1)
  place.write(kid, 9, 'hex')
  let at = 0
  let turn = 0n
  const value = (number: number, bytes: number): Buffer => {
    place.writeUInt32BE(number, 25)
    first.writeBigUInt64BE(start + turn, 4)
    const context = Buffer.concat([Buffer.from(`${origin}|${session}|delta|`), place])
    const plain = open(key, first, context, values.subarray(at, at + bytes + TAG))
    turn += 1n
    at += bytes + TAG
    return plain
  }
  const pieces = [value(0xffff_ffff, 32)]
  let from = 0
  for (const [number, [start, length, bytes, , keep]] of facts.fields.entries()) {
    if (keep !== 'raw') continue
    pieces.push(body.subarray(from, start), value(number, bytes))
    from = start + length
  }
  if (at !== values.length) throw new Error('the masked values have another length than listed')
  return Buffer.concat([...pieces, body.subarray(from)])
}

/** Stands for an epoch where a recipient's identity is what is missing. */
const LOCKED = 'recipients'

class PartCheck {
  readonly file: string
  readonly offset: number
  readonly #name: string
  readonly #cipherDigest = createHash('sha256')
  readonly #plainDigest = createHash('sha256')
  #frames = 0
  #ended = false
  #sealed = false
  #order: string | null = null
  #opening: string | null = null
  readonly #pieces: Buffer[] | null
  /** The epoch key that would open it, and is not here. */
  gone: string | null = null

  constructor(name: string, file: string, offset: number, keeps: boolean) {
    this.#pieces = keeps ? [] : null
    this.#name = name
    this.file = file
    this.offset = offset
  }
  add({ payload }: StoredRecord): void {
    this.#cipherDigest.update(payload)
    const frame = payload.readUInt32BE(4)
    if (frame !== this.#frames || this.#ended)
      this.#order = `frame ${frame} of the ${this.#name} is out of order`
    this.#frames += 1
    this.#ended = (payload[1]! & 1) !== 0
    this.#sealed = (payload[1]! & 2) !== 0
  }
  /** Null when it was not kept or could not be opened. */
  plain(): Buffer | null {
    return this.#pieces === null || this.#opening !== null || this.gone !== null
      ? null
      : Buffer.concat(this.#pieces)
  }
  decrypt(payload: Buffer, key: DataKey | Gone | Locked | undefined, origin: string, leaf: Leaf): void {
    if (key instanceof Gone || key instanceof Locked) {
      this.gone ??= key instanceof Gone ? key.epoch : LOCKED
      return
    }
    if (key === undefined || key.session !== (leaf.session ?? '')) {
      this.#opening ??= `no data key of its session is known for the ${this.#name}`
      return
    }
    const context = Buffer.concat([Buffer.from(`${origin}|${key.session}|`), payload.subarray(0, 32)])
    try {
      const plain = open(key.key, payload.subarray(32, HEADER), context, payload.subarray(HEADER))
      this.#plainDigest.update(plain)
      this.#pieces?.push(plain)
    } catch {
      this.#opening ??= `frame ${this.#frames - 1} of the ${this.#name} does not decrypt`
    }
  }
  recordsProblem(committed: Commitment): string | null {
    if (this.#cipherDigest.digest('base64url') !== committed.ct) {
      return `the encrypted ${this.#name} is not the committed one`
    }
    if (!this.#ended) return `the last frame of the ${this.#name} is missing`
    if (committed.class !== undefined && (committed.class === 'sealed') !== this.#sealed) {
      return `the ${this.#name} is of another key class than committed`
    }
    return this.#order
  }
  contentsProblem(committed: Commitment): string | null {
    if (this.#opening !== null) return this.#opening
    return this.#plainDigest.digest('base64url') === committed.pt
      ? null
      : `the decrypted ${this.#name} is not the committed one`
  }
}

// ---- what people did to the log: reveals, holds, destroyed keys ----

/** Head of such an entry, as far as it matters here. */
interface ActHead {
  readonly principal?: { readonly issuer: string; readonly subject: string }
  readonly facts?: {
    readonly scope?: unknown
    /** Whose values they are. */
    readonly of?: readonly { readonly issuer: string; readonly subject: string }[]
    /** RFC 3339: when an approval ends. */
    readonly until?: string
    readonly digest?: string
    readonly hold?: string
    readonly days?: readonly string[]
  }
}

interface Reveal {
  readonly requested: ActHead | null
  /** Time of the approval, as the leaf says; null before it. */
  approved: string | null
  approval: ActHead | null
  ended: string | null
}

/** Minutes that an approval can hold at most. */
const LONGEST_WINDOW = 60

/**
 * Who was asked, and in which order, is in the leaves; who it was is in the heads, which need keys. Memory grows with
 * the number of these acts, not with the log.
 */
class ActCheck {
  readonly #results: Results
  readonly #directory: string
  readonly #reveals = new Map<string, Reveal>()
  /** Days that a hold protects, by its id. */
  readonly #holds = new Map<string, readonly string[]>()
  readonly #shredded = new Map<string, number>()
  readonly #closed = new Map<string, { count: number; place: Omit<Place, 'problem'> }>()
  #pending: { entry: number; leaf: Leaf } | null = null
  /** Parts that only recipients can open. */
  locked = 0

  constructor(directory: string, results: Results) {
    this.#directory = directory
    this.#results = results
    results.begin('originals', 'reveals', 'shreds')
  }
  /** Once for each entry, before its records are looked at. */
  add(entry: number, leaf: Leaf): void {
    this.flush()
    if (/^(reveal|hold|key)\./.test(leaf.kind)) this.#pending = { entry, leaf }
  }
  /** The head of that entry, where keys were given. */
  head(leaf: Leaf, plain: Buffer | null): void {
    if (this.#pending?.leaf !== leaf || plain === null) return
    const { entry } = this.#pending
    this.#pending = null
    let head: ActHead
    try {
      head = JSON.parse(plain.toString('utf8', SALT)) as ActHead
    } catch {
      this.#results.fail('contents', { problem: 'the head is not JSON', entry, call: leaf.call })
      return
    }
    this.#act(entry, leaf, head)
  }
  /** Something that a missing key would open. */
  closed(epoch: string, place: Omit<Place, 'problem'>): void {
    const known = this.#closed.get(epoch)
    if (known === undefined) this.#closed.set(epoch, { count: 1, place })
    else known.count += 1
  }
  flush(): void {
    if (this.#pending === null) return
    const { entry, leaf } = this.#pending
    this.#pending = null
    this.#act(entry, leaf, null)
  }
  finish(notes: string[]): void {
    this.flush()
    for (const [epoch, entry] of this.#shredded) {
      if (!existsSync(join(this.#directory, 'keys', `${epoch}.json`))) continue
      this.#results.fail('shreds', { problem: `the key ${epoch} is still here, destroyed or not`, entry })
    }
    if (this.locked > 0) notes.push(`${this.locked} parts can be opened by the recipients only`)
    for (const [epoch, { count, place }] of this.#closed) {
      const entry = this.#shredded.get(epoch)
      if (entry !== undefined) {
        notes.push(`${count} parts are closed for good: entry ${entry} destroyed the key ${epoch}`)
      } else this.#results.fail('contents', { problem: `the epoch key ${epoch} is not there`, ...place })
    }
  }
  #act(entry: number, leaf: Leaf, head: ActHead | null): void {
    const { kind, call } = leaf
    if (kind === 'hold.add' || kind === 'hold.release') {
      const hold = head?.facts?.hold
      if (hold === undefined) return
      if (kind === 'hold.release') this.#holds.delete(hold)
      else this.#holds.set(hold, head?.facts?.days ?? [])
      return
    }
    if (kind === 'key.shred') {
      this.#results.count('shreds')
      const { epoch } = leaf
      if (epoch === undefined) {
        this.#results.fail('shreds', { problem: 'it names no key', entry, call })
        return
      }
      this.#shredded.set(epoch, entry)
      const day = epoch.slice(epoch.indexOf('-') + 1)
      for (const [hold, days] of this.#holds) {
        if (!days.includes(day)) continue
        const problem = `the key ${epoch} was destroyed although the hold ${hold} covers its day`
        this.#results.fail('shreds', { problem, entry, call })
      }
      return
    }
    if (kind.startsWith('reveal.')) {
      const problem = this.#reveal(leaf, head)
      if (kind === 'reveal.open') this.#results.count('reveals')
      if (problem !== null) this.#results.fail('reveals', { problem, entry, call })
    }
  }
  /** What is wrong with this step, if anything. */
  #reveal({ kind, call, time }: Leaf, head: ActHead | null): string | null {
    const known = this.#reveals.get(call)
    if (kind === 'reveal.request') {
      if (known !== undefined) {
        // Another gateway's request, said again here; it must be the same one.
        const again = head !== null && known.requested !== null && !sameRequest(head, known.requested)
        return again ? 'the same reveal was asked for twice, and not alike' : null
      }
      this.#reveals.set(call, { requested: head, approved: null, approval: null, ended: null })
      return null
    }
    if (known === undefined) return `${kind} without a request before it`
    if (known.ended !== null) return `${kind} after ${known.ended}`
    if (kind === 'reveal.approve') {
      // Again, where nobody could know whether the first was written: the last holds.
      known.approved = time
      known.approval = head
      const by = head?.principal
      if (by === undefined) return null
      if (samePerson(by, known.requested?.principal)) return 'it was approved by the person who asked for it'
      if (known.requested?.facts?.of?.some(one => samePerson(by, one)) === true) {
        return 'it was approved by the person whose values they are'
      }
      return null
    }
    known.ended = kind
    if (kind !== 'reveal.open') return null
    const { approved, approval, requested } = known
    if (approved === null) return 'it was opened without an approval'
    if (minutes(time) - minutes(approved) > LONGEST_WINDOW) return 'it was opened long after its approval'
    const until = approval?.facts?.until
    if (until !== undefined && Date.parse(`${time.slice(0, 23)}Z`) > Date.parse(until) + 5_000) {
      return 'it was opened after its approval had ended'
    }
    if (head === null || requested === null) return null
    if (!samePerson(head.principal, requested.principal))
      return 'it was opened by another person than asked for it'
    if (JSON.stringify(head.facts?.scope) !== JSON.stringify(requested.facts?.scope)) {
      return 'another scope was opened than asked for'
    }
    return /^sha256:[0-9a-f]{64}$/.test(head.facts?.digest ?? '') ? null : 'it does not say what was shown'
  }
}

function sameRequest(one: ActHead, other: ActHead): boolean {
  return (
    samePerson(one.principal, other.principal) &&
    JSON.stringify(one.facts?.scope) === JSON.stringify(other.facts?.scope)
  )
}

function minutes(time: string): number {
  return Date.parse(`${time.slice(0, 23)}Z`) / 60_000
}

function samePerson(one: ActHead['principal'], other: ActHead['principal']): boolean {
  return one !== undefined && one.issuer === other?.issuer && one.subject === other?.subject
}

// ---- all of it in one pass ----

function verifyEntries(
  options: VerifyOptions,
  key: Key,
  checkpoint: Checkpoint,
  kept: readonly Kept[],
  results: Results,
  notes: string[],
): void {
  const { directory } = options
  const { size } = checkpoint
  for (const one of kept) {
    results.count('consistency')
    if (one.size <= size) continue
    const problem = `${one.what} covers ${one.size} entries, this one only ${size}`
    results.fail('consistency', { problem, entry: size })
  }
  const tree = new TreeCheck(directory, results)
  const calls = new CallCheck(results)
  const hasSegments = existsSync(join(directory, 'segments'))
  const segments = hasSegments ? new Segments(directory, key.name, results) : null
  const given = options.keyFile ?? options.epochKeys
  const keys = given === undefined ? null : new Keys(directory, key.name, given)
  const acts = new ActCheck(directory, results)
  const records = segments === null ? null : new RecordCheck(key.name, results, segments, keys, acts)
  if (!hasSegments) results.skip('records', 'no segments here')
  if (keys === null || !hasSegments) {
    const why = keys === null ? 'no keys given' : 'no segments here'
    for (const name of ['contents', 'originals'] as const) results.skip(name, why)
  }

  const compareOld = (entries: number) => {
    for (const one of kept) {
      if (one.size !== entries || one.root.equals(tree.root())) continue
      const problem = `over the first ${entries} entries the root is ${tree.root().toString('base64')}, ${one.what} says ${one.root.toString('base64')}`
      results.fail('consistency', { problem, entry: entries })
    }
  }
  compareOld(0)
  let lastTime = ''
  let whole = true
  for (let first = 0; first < size; first += WIDTH) {
    const width = Math.min(WIDTH, size - first)
    const { file, bytes } = readResource(directory, 'entries', first / WIDTH, width)
    const entries = bytes === null ? [] : splitBundle(bytes, width)
    if (entries.length < width) {
      const problem =
        bytes === null ? 'the bundle is missing' : `the bundle holds ${entries.length} entries of ${width}`
      results.fail('entries', { problem, file, entry: first + entries.length })
      whole = false
    }
    // Where entries are missing the tile's hashes stand in, so that later places stay exact.
    const tile = entries.length < width ? readResource(directory, 0, first / WIDTH, width).bytes : null
    for (let at = 0, offset = 0; at < width; at += 1) {
      const index = first + at
      const entry = entries[at]
      results.count('entries')
      if (entry === undefined) {
        tree.add(Buffer.from(tile?.subarray(at * HASH, (at + 1) * HASH) ?? Buffer.alloc(HASH)))
        records?.add(index, null)
        compareOld(index + 1)
        continue
      }
      tree.add(hash('sha256', Buffer.concat([Buffer.from([0]), entry]), 'buffer'))
      const leaf = parseLeaf(entry)
      const place = { entry: index, file, offset }
      offset += 2 + entry.length
      results.count('form')
      if (typeof leaf === 'string') {
        results.fail('form', { problem: `the entry ${leaf}`, ...place })
        records?.add(index, null)
      } else {
        results.count('sequence')
        if (leaf.seq !== index) {
          results.fail('sequence', { problem: `entry ${leaf.seq} stands where ${index} belongs`, ...place })
        }
        results.count('time')
        if (leaf.time <= lastTime) {
          results.fail('time', { problem: `${leaf.time} is not after ${lastTime}`, ...place })
        }
        lastTime = leaf.time
        calls.add(index, leaf)
        acts.add(index, leaf)
        records?.add(index, leaf)
      }
      compareOld(index + 1)
    }
  }
  tree.finish()
  results.count('root')
  const root = tree.root()
  if (!root.equals(checkpoint.root)) {
    const problem = `the root over ${size} entries is ${root.toString('base64')}, the checkpoint says ${checkpoint.root.toString('base64')}`
    results.fail('root', { problem, file: 'checkpoint' })
  } else if (!whole) results.fail('root', { problem: 'entries are missing', file: 'checkpoint' })
  calls.finish(options.live === true, notes)
  acts.finish(notes)
  const beyond = segments?.peek() ?? null
  if (beyond !== null) notes.push(`records of entries from ${beyond.seq} on lie beyond the checkpoint`)
  segments?.close()
  if (lastTime !== '') notes.push(`the last entry is of ${lastTime}`)
}

function readOptional(path: string): Buffer | null {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw error
  }
}

// ---- the command ----

export function formatReport(report: Report): string {
  const lines = [`log ${report.origin}: ${report.size} entries, root ${report.root}`]
  for (const check of report.checks) {
    const word = { ok: 'ok     ', failed: 'FAILED ', skipped: 'skipped' }[check.status]
    const count =
      check.status === 'ok' ? ` (${check.checked})` : check.status === 'failed' ? ` (${check.failures})` : ''
    lines.push(
      `${word} ${check.name}: ${CHECKS[check.name]}${count}${check.reason ? ` - ${check.reason}` : ''}`,
    )
    for (const place of check.places) lines.push(`        ${formatPlace(place)}`)
    if (check.failures > check.places.length)
      lines.push(`        and ${check.failures - check.places.length} more`)
  }
  for (const note of report.notes) lines.push(`note    ${note}`)
  lines.push(report.ok ? 'verified' : 'VERIFICATION FAILED')
  return `${lines.join('\n')}\n`
}

function formatPlace(place: Place): string {
  const where = [
    place.entry === undefined ? '' : `entry ${place.entry}`,
    place.call === undefined ? '' : `call ${place.call}`,
    place.file === undefined
      ? ''
      : `${place.file}${place.offset === undefined ? '' : ` at byte ${place.offset}`}`,
  ]
  return `${where.filter(part => part !== '').join(', ')}: ${place.problem}`
}

function main(args: string[]): number {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        vkey: { type: 'string' },
        'old-checkpoint': { type: 'string', multiple: true },
        keys: { type: 'string' },
        live: { type: 'boolean' },
        json: { type: 'boolean' },
        witness: { type: 'string', multiple: true },
        quorum: { type: 'string' },
        leaf: { type: 'string' },
      },
    })
    if (positionals.length !== 1 || values.vkey === undefined)
      throw new RangeError('give one directory or proof, and --vkey')
    const path = positionals[0]!
    const common = {
      vkey: textOrFile(values.vkey),
      witnesses: (values.witness ?? []).map(textOrFile),
      ...(values.quorum === undefined ? {} : { quorum: Number(values.quorum) }),
    }
    const report = path.endsWith('.tlog-proof')
      ? verifyProof({
          ...common,
          proof: readFileSync(path, 'utf8'),
          ...(values.leaf === undefined ? {} : { leaf: readFileSync(values.leaf) }),
        })
      : verifyLog({
          ...common,
          directory: path,
          oldCheckpoints: (values['old-checkpoint'] ?? []).map(file => readFileSync(file, 'utf8')),
          live: values.live === true,
          ...(values.keys === undefined ? {} : { keyFile: values.keys }),
        })
    process.stdout.write(values.json === true ? `${JSON.stringify(report, null, 2)}\n` : formatReport(report))
    return report.ok ? 0 : 6
  } catch (error) {
    const usage =
      'usage: node verify.ts DIR --vkey KEY [--witness KEY]... [--quorum K] [--old-checkpoint FILE]... [--keys KEKFILE] [--live] [--json]\n' +
      '       node verify.ts FILE.tlog-proof --vkey KEY [--witness KEY]... [--quorum K] [--leaf FILE] [--json]'
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}\n`)
    return 2
  }
}

if (isMain()) process.exitCode = main(process.argv.slice(2))

/** A key, or a file with it. */
function textOrFile(value: string): string {
  return existsSync(value) ? readFileSync(value, 'utf8') : value
}

function isMain(): boolean {
  const started = process.argv[1]
  return (
    started !== undefined && existsSync(started) && realpathSync(started) === fileURLToPath(import.meta.url)
  )
}
