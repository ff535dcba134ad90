import { hash } from 'node:crypto'
import { PLACEHOLDER_PREFIX } from '../brand.ts'

/**
 * What stands where a value was: the prefix, the rule's name, a dot and as many hexadecimal digits as fill 63
 * characters. So it has one length whatever was there, fits a label value, needs no quotes in YAML and JSON, and its
 * base64 ends without padding.
 */
export const PLACEHOLDER_LENGTH = 63

/** What a masked number becomes. It fits an int32; a placeholder in letters would change the type. */
export const NUMBER_PLACEHOLDER = '1999999991'

export interface Placeholders {
  /**
   * @param place Canonical pointer within the object; with `uid` it alone decides the tag, so that equal places look equal
   * in lists, watches and single reads, and nothing about the value can be told from it.
   */
  at(rule: string, uid: string, place: string): string
  /** For a rule whose action is `fingerprint`: equal values look equal, wherever they are. */
  of(rule: string, fingerprint: string): string
}

/** @param key 32 bytes, the same in all replicas and after a restart: what was read must be known when it is written back. */
export function createPlaceholders(key: Uint8Array): Placeholders {
  const secret = Buffer.from(key).toString('hex')
  return {
    // The key on both sides of the message: SHA-256 alone with the key before it could be continued by others.
    at: (rule, uid, place) => write(rule, hash('sha256', `${secret}\n${uid}\n${place}\n${secret}`, 'hex')),
    of: (rule, fingerprint) =>
      write(rule, hash('sha256', `${secret}\nvalue\n${fingerprint}\n${secret}`, 'hex')),
  }
}

function write(rule: string, tag: string): string {
  return `${PLACEHOLDER_PREFIX}${rule}.${tag.slice(0, PLACEHOLDER_LENGTH - PLACEHOLDER_PREFIX.length - 1 - rule.length)}`
}

const LONGEST_RULE = 24
const PATTERN = new RegExp(
  `${PLACEHOLDER_PREFIX.replaceAll('.', '\\.')}(?=[a-z0-9.-]{${PLACEHOLDER_LENGTH - PLACEHOLDER_PREFIX.length}})([a-z0-9-]{1,${LONGEST_RULE}})\\.([0-9a-f]{21,44})`,
  'g',
)

export interface FoundPlaceholder {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** All placeholders in a text, in order; what only looks like one (another length) is not among them. */
export function findPlaceholders(text: string): FoundPlaceholder[] {
  if (!text.includes(PLACEHOLDER_PREFIX)) return []
  const found: FoundPlaceholder[] = []
  for (const match of text.matchAll(PATTERN)) {
    const whole = match[0].slice(0, PLACEHOLDER_LENGTH)
    if (whole.length < PLACEHOLDER_LENGTH) continue
    found.push({ start: match.index, end: match.index + PLACEHOLDER_LENGTH, text: whole })
  }
  return found
}

/**
 * Whether a text may hold a placeholder, also a damaged one, in letters or in base64 at any of its three alignments, once
 * or twice encoded. Never false when there is one.
 */
export function mayHoldPlaceholder(bytes: Buffer): boolean {
  return MARKS.some(mark => bytes.includes(mark))
}

const MARKS: readonly Buffer[] = marks()

function marks(): Buffer[] {
  const once = alignments(PLACEHOLDER_PREFIX.slice(0, -1))
  return [PLACEHOLDER_PREFIX.slice(0, -1), ...once, ...once.flatMap(alignments)].map(mark =>
    Buffer.from(mark),
  )
}

/** The characters of a text's base64 that do not depend on what stands before and after it. */
function alignments(text: string): string[] {
  return [0, 1, 2].map(before => {
    const encoded = Buffer.from(`${'\0'.repeat(before)}${text}`)
      .toString('base64')
      .replace(/=+$/, '')
    const from = before === 0 ? 0 : before + 1
    const whole = Math.floor(((before + text.length) * 8) / 6)
    return encoded.slice(from, whole)
  })
}
