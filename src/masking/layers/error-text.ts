import type { MaskRule } from '../contract.ts'
import { asBytes, canonical } from '../json/canonical.ts'
import type { Edit } from '../json/edit.ts'
import type { FieldState } from '../json/field-state.ts'
import { placeholderFor } from '../json/mask-engine.ts'
import type { ValueWalk } from '../json/value-walk.ts'
import { maskContent, maskJson, merged } from './mask-string.ts'
import { meantBytes, rawEdits } from './meant-bytes.ts'

/** Where apimachinery's field errors quote a value (`field.Error`, validation/field/errors.go): `PATH: Invalid value: …` */
const QUOTE = /(?:(?:Invalid|Unsupported|Duplicate) value|Not found): (?=["{[&a-z])/g
const PATH = /([A-Za-z_$][\w$-]*(?:\[[^\]]{0,253}\]|\.[\w$-]+){0,60}): $/
/** Go's own way of writing a value: `map[…]`, `core.PodSpec{…}`, `[]string{…}`, `&{…}`. */
const GO_VALUE = /^&?(?:map\[|\[\]|[a-z]\w{0,40}\.[A-Z]\w{0,80}\{|\{)/
/** What older decoders quote of the text around a mistake. */
const CONTEXT = /\.\.\.\|([\s\S]*?)\|\.\.\./g
/** Objects without an end that are looked for in one text: each look is at all that follows. */
const MOST_UNREAD = 16
/** Pairs as they stand in a difference of two objects in Go's JSON, or in Go's own syntax. */
const PAIR = /^@@ |"?\b(Name|Value)"?:\s*"((?:[^"\\\n]|\\.)*)"/gm

/** A text that an API server says of an error: it may quote any part of the object that was sent or is there. */
export function maskErrorText(walk: ValueWalk, content: Buffer, pointer: string): Edit[] {
  const text = content.toString('latin1')
  const edits = [...quotedValues(walk, content, text, pointer), ...pairs(walk, text, pointer)]
  const hidden = hiddenRule(walk)
  if (hidden !== undefined) {
    for (const match of text.matchAll(CONTEXT)) {
      const start = match.index + 4
      edits.push(whole(walk, text, start, start + match[1]!.length, hidden, pointer))
    }
  }
  return merged(edits, maskContent(walk, content, pointer))
}

/** Of a kind that has fields to hide: the rule for what cannot be told apart. */
function hiddenRule(walk: ValueWalk): MaskRule | undefined {
  const { group, kind } = walk.context
  return walk.engine.rules.fields(group, kind).at(-1)?.rule
}

function quotedValues(walk: ValueWalk, content: Buffer, text: string, pointer: string): Edit[] {
  const edits: Edit[] = []
  let behind = 0
  let unread = 0
  for (const match of text.matchAll(QUOTE)) {
    const start = match.index + match[0].length
    const isQuoted = text[start] === '"'
    if (start < behind || (!isQuoted && unread >= MOST_UNREAD)) continue
    const before = PATH.exec(text.slice(Math.max(0, match.index - 512), match.index))
    const path = before === null ? [] : segmentsOf(before[1]!)
    if (isQuoted) behind = quoted(walk, content, text, start, path, pointer, edits)
    else {
      behind = bare(walk, content, text, start, path, pointer, edits)
      if (behind === start) unread++
    }
  }
  return edits
}

/** A string, which may hold a whole object. Returns where it ends. */
function quoted(
  walk: ValueWalk,
  content: Buffer,
  text: string,
  start: number,
  path: readonly string[],
  pointer: string,
  edits: Edit[],
): number {
  const end = endOfString(text, start)
  const from = start + 1
  const to = end === -1 ? text.length : end
  const isPlain = end !== -1 && isJsonString(text.slice(start, end + 1))
  const meant = isPlain ? meantBytes(content, from, to) : content.subarray(from, to)
  const value = meant.toString('latin1')
  const rule = ruleAt(walk, path, value)
  if (rule !== undefined) {
    if (value !== '') edits.push(whole(walk, text, from, to, rule, pointer))
    return to
  }
  if (!/^\s*[{[]|^map\[/.test(value)) return to
  const inner = isPlain ? objectEdits(walk, meant, path, pointer) : null
  if (inner === null) {
    // It looks like an object, and cannot be read.
    const hidden = hiddenRule(walk)
    if (hidden !== undefined) edits.push(whole(walk, text, from, to, hidden, pointer))
    return to
  }
  edits.push(...rawEdits(content, from, to, inner))
  return to
}

/** JSON without quotes around it, or a value as Go writes it. Returns where it ends, and `start` when that is not known. */
function bare(
  walk: ValueWalk,
  content: Buffer,
  text: string,
  start: number,
  path: readonly string[],
  pointer: string,
  edits: Edit[],
): number {
  const end = endOfJson(text, start)
  const inner = end === -1 ? null : objectEdits(walk, content.subarray(start, end), path, pointer)
  if (inner !== null) {
    for (const e of inner) edits.push({ ...e, start: e.start + start, end: e.end + start })
    return end
  }
  const hidden = hiddenRule(walk)
  if (hidden === undefined || !GO_VALUE.test(text.slice(start, start + 140))) return start
  edits.push(whole(walk, text, start, text.length, hidden, pointer))
  return text.length
}

/** Edits for an object, or for the part of one that stands at a path. Null: it is no JSON. */
function objectEdits(
  walk: ValueWalk,
  content: Buffer,
  path: readonly string[],
  pointer: string,
): Edit[] | null {
  const { group, kind } = walk.context
  const state = stateAt(walk, path)
  return maskJson(walk, content, pointer, inner => {
    inner.as(group, kind)
    if (state !== null && path.length > 0 && path[0] !== 'patch') inner.under(0, state)
    else inner.object(0)
  })
}

function stateAt(walk: ValueWalk, path: readonly string[]): FieldState | null {
  const { group, kind } = walk.context
  let state = walk.engine.start(group, kind)
  for (const segment of path) state = state === null ? null : state.step(segment)
  return state
}

/** The rule for a string at a path: that of the field, or that of its name. */
function ruleAt(walk: ValueWalk, path: readonly string[], value: string): MaskRule | undefined {
  const { engine } = walk
  const leaf = stateAt(walk, path)?.leaf
  if (leaf != null) return leaf.rule
  const name = path.findLast(segment => !/^\d+$/.test(segment))
  if (name === undefined) return undefined
  // Whose value it is the path does not say.
  if (name === 'value' && path.includes('env')) return engine.rules.env('PASSWORD')?.rule
  const key = engine.rules.key(name)
  return key !== undefined && engine.plausible(value, key.strength) ? key.rule : undefined
}

/** Values of pairs whose name tells of them, or stands outside of what is shown. Both names of a renamed one count. */
function pairs(walk: ValueWalk, text: string, pointer: string): Edit[] {
  const edits: Edit[] = []
  let names: string[] | null = null
  let isAfterValue = false
  for (const match of text.matchAll(PAIR)) {
    const [all, member, value = ''] = match
    if (member === undefined) {
      names = null
      isAfterValue = false
    } else if (member === 'Name') {
      if (names === null || isAfterValue) names = []
      names.push(value)
      isAfterValue = false
    } else {
      isAfterValue = true
      const known = (names ?? ['PASSWORD']).map(name => walk.engine.rules.env(name))
      const env = known.find(one => one !== undefined && walk.engine.plausible(value, one.strength))
      if (env === undefined) continue
      const end = match.index + all.length - 1
      edits.push(whole(walk, text, end - value.length, end, env.rule, pointer))
    }
  }
  return edits
}

function whole(
  walk: ValueWalk,
  text: string,
  start: number,
  end: number,
  rule: MaskRule,
  pointer: string,
): Edit {
  const place = `${pointer}#${start}`
  const value = asBytes(text.slice(start, end))
  return {
    start,
    end,
    replacement: placeholderFor(walk.engine, rule, value, walk.uid, canonical(place)),
    rule,
    pointer: place,
  }
}

/** `spec.env[0].value`, `data[a key]`. */
function segmentsOf(path: string): string[] {
  return [...path.matchAll(/\[([^\]]*)\]|([^.[\]]+)/g)].map(match => match[1] ?? match[2]!)
}

function isJsonString(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'string'
  } catch {
    return false
  }
}

/** The closing quote of the string that opens at `start`; -1 when there is none. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at
  }
  return -1
}

/** Behind the object or array that opens at `start`; -1 when it does not close. */
function endOfJson(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const letter = text[at]
    if (letter === '"') {
      at = endOfString(text, at)
      if (at === -1) return -1
    } else if (letter === '{' || letter === '[') depth++
    else if ((letter === '}' || letter === ']') && --depth === 0) return at + 1
    if (depth === 0) return -1
  }
  return -1
}
