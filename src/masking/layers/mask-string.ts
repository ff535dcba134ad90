import { gunzipSync, gzipSync } from 'node:zlib'
import { canonical } from '../json/canonical.ts'
import { applyEdits, type Edit, withoutOverlaps } from '../json/edit.ts'
import { placeholderFor } from '../json/mask-engine.ts'
import { ObjectWalk } from '../json/object-walk.ts'
import { readTape } from '../json/read-tape.ts'
import { MOST_LAYERS, type ValueWalk } from '../json/value-walk.ts'
import { fromBase64, mayBeBase64 } from './base64.ts'
import { meantBytes, rawEdits } from './meant-bytes.ts'
import { maskManifests, mayHoldSecretManifest } from './yaml-manifests.ts'

/** Nothing that is worth hiding is shorter. */
const SHORTEST = 6
/** Bytes that a packed text may unfold to. More is masked whole: what cannot be read does not pass. */
export const LARGEST_UNPACKED = 16 * 1024 * 1024

/** Masks what is found in a string of which no rule knows the place. `bytes[start..end)` stands between the quotes. */
export function maskString(walk: ValueWalk, start: number, end: number, escaped: boolean): void {
  if (end - start < SHORTEST) return
  const { bytes } = walk
  if (escaped) {
    const content = meantBytes(bytes, start, end)
    walk.edits.push(...rawEdits(bytes, start, end, maskContent(walk, content, walk.pointer())))
    return
  }
  const isCandidate = walk.mayHold(start, end)
  if (!isCandidate && !mayBeBase64(bytes, start, end) && !walk.engine.fingerprints.mayHold(bytes, start, end))
    return
  for (const e of maskContent(walk, bytes.subarray(start, end), walk.pointer())) {
    walk.edits.push({ ...e, start: e.start + start, end: e.end + start })
  }
}

/** Edits for a text of any kind: JSON, base64 of something, YAML with Secrets in it, lines. */
export function maskContent(walk: ValueWalk, content: Buffer, pointer: string): Edit[] {
  if (content.length < SHORTEST) return []
  const first = content[0]!
  if (walk.layer < MOST_LAYERS) {
    if (first === 0x7b || first === 0x5b || first === 0x22) {
      const inner = maskJson(walk, content, pointer)
      if (inner !== null) return inner
    }
    const packed = maskPacked(walk, content, pointer)
    // Random letters may look like base64 of text as well: then they are what they are.
    if (packed !== null && packed.length > 0) return packed
  }
  const found = findings(walk, content, pointer)
  return mayHoldSecretManifest(content) ? merged(maskManifests(walk, content, pointer), found) : found
}

function findings(walk: ValueWalk, content: Buffer, pointer: string): Edit[] {
  const text = content.toString('latin1')
  const { rules, fingerprints } = walk.engine
  const mayHold =
    rules.text.next(text, 0, content) !== -1 ||
    (rules.fingerprint !== null && fingerprints.mayHold(content, 0, content.length))
  if (!mayHold) return []
  return walk.find(text).map(({ start, end, rule }, i) => {
    const value = text.slice(start, end)
    if (rule.learn) walk.learn(value, rule)
    const whole = start === 0 && end === text.length
    const place = whole ? pointer : `${pointer}#${i}`
    const replacement = placeholderFor(walk.engine, rule, value, walk.uid, canonical(place))
    return { start, end, replacement, rule, pointer: place }
  })
}

/** Null when it is no JSON. */
export function maskJson(
  walk: ValueWalk,
  content: Buffer,
  pointer: string,
  begin?: (inner: ObjectWalk) => void,
): Edit[] | null {
  const tape = readTape(content, walk.engine.names.keys)
  if (tape === null) return null
  const inner = new ObjectWalk(walk.engine, tape, walk.layer + 1)
  inner.begin(content, { ...walk.context, group: '', kind: '' }, `${pointer}#`, walk)
  if (begin === undefined) inner.object(0)
  else begin(inner)
  return inner.edits
}

/** Null when it is not base64 of something readable. */
function maskPacked(walk: ValueWalk, content: Buffer, pointer: string): Edit[] | null {
  if (!mayBeBase64(content, 0, content.length)) return null
  const plain = fromBase64(content, 0, content.length)
  if (plain === null) return null
  const masked = maskBytes(walk, plain, pointer)
  if (masked === null) return null
  return masked.map(({ bytes, rule }) => ({
    start: 0,
    end: content.length,
    replacement: bytes.toString('base64'),
    rule,
    pointer,
  }))
}

/** Masks bytes that may be gzip. An empty array: readable, nothing to mask. Null: not readable. */
export function maskBytes(
  walk: ValueWalk,
  plain: Buffer,
  pointer: string,
): { bytes: Buffer; rule: Edit['rule'] }[] | null {
  const isGzip = plain[0] === 0x1f && plain[1] === 0x8b
  let content = plain
  if (isGzip) {
    const unpacked = gunzip(plain)
    if (unpacked === null) return null
    content = unpacked
  }
  const deeper = new ObjectWalk(walk.engine, walk.tape, walk.layer + 1)
  deeper.begin(content, { ...walk.context, group: '', kind: '' }, pointer, walk)
  const edits = maskContent(deeper, content, `${pointer}#`)
  if (edits.length === 0) return []
  const bytes = applyEdits(content, edits)
  return [{ bytes: isGzip ? gzipSync(bytes) : bytes, rule: edits[0]!.rule }]
}

/** Null when it is none, or unfolds to too much. */
export function gunzip(bytes: Buffer): Buffer | null {
  try {
    return gunzipSync(bytes, { maxOutputLength: LARGEST_UNPACKED })
  } catch {
    return null
  }
}

/** Two lists of edits of one text as one; where they overlap, one edit covers both. */
export function merged(a: readonly Edit[], b: readonly Edit[]): Edit[] {
  return a.length === 0 ? [...b] : withoutOverlaps([...a, ...b])
}
