import { gzipSync } from 'node:zlib'
import type { FieldEncoding, MaskRule } from '../contract.ts'
import { canonical } from '../json/canonical.ts'
import { applyEdits } from '../json/edit.ts'
import { everything, placeholderFor } from '../json/mask-engine.ts'
import type { ValueWalk } from '../json/value-walk.ts'
import { gunzip, maskJson } from './mask-string.ts'

/** Longer values are remembered whole, not in parts. */
const LARGEST_LEARNED_IN_PARTS = 64 * 1024

/**
 * What becomes of the text at a field whose encoding a rule names: base64 again, so that clients decode it. Null: it stays
 * as it is. What cannot be decoded as the rule says is masked whole.
 */
export function maskEncoded(
  walk: ValueWalk,
  text: string,
  encoding: FieldEncoding,
  rule: MaskRule,
  pointer: string,
): string | null {
  const plain = Buffer.from(text, 'base64')
  if (encoding === 'helm-release') {
    const inner = maskRelease(walk, plain, pointer)
    if (inner !== undefined) return inner
  }
  if (encoding === 'base64-json' && plain[0] === 0x7b) {
    const edits = maskJson(walk, plain, pointer, inner => inner.under(0, everything(rule)))
    if (edits !== null) return applyEdits(plain, edits).toString('base64')
  }
  const value = plain.toString('latin1')
  if (rule.learn) learn(walk, value, rule)
  return btoa(placeholderFor(walk.engine, rule, value, walk.uid, canonical(pointer)))
}

/**
 * A Helm release: base64 of gzip of JSON, in base64 as all data of a Secret. Helm must be able to read it, or it loses the
 * release: only what is secret in it changes. Undefined when it is no release.
 */
function maskRelease(walk: ValueWalk, plain: Buffer, pointer: string): string | null | undefined {
  const packed = Buffer.from(plain.toString('latin1'), 'base64')
  if (packed[0] !== 0x1f || packed[1] !== 0x8b) return undefined
  const json = gunzip(packed)
  if (json === null) return undefined
  const edits = maskJson(walk, json, pointer)
  if (edits === null) return undefined
  if (edits.length === 0) return null
  return Buffer.from(gzipSync(applyEdits(json, edits)).toString('base64')).toString('base64')
}

/** A value with lines or members is met again in parts, too. */
function learn(walk: ValueWalk, value: string, rule: MaskRule): void {
  walk.learn(value, rule)
  if (value.length > LARGEST_LEARNED_IN_PARTS || !/[\n{=]/.test(value)) return
  for (const { start, end } of walk.find(value)) walk.learn(value.slice(start, end), rule)
  for (const line of value.split('\n')) if (line.length >= 12) walk.learn(line.trim(), rule)
}
