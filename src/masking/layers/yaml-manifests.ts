import { isMap, isScalar, isSeq, type Node, parseDocument } from 'yaml'
import { canonical } from '../json/canonical.ts'
import type { Edit } from '../json/edit.ts'
import type { FieldState } from '../json/field-state.ts'
import { placeholderFor } from '../json/mask-engine.ts'
import { escapeSegment } from '../json/names.ts'
import type { ValueWalk } from '../json/value-walk.ts'
import { maskEncoded } from './mask-encoded.ts'

const SECRET = Buffer.from('Secret')
const KIND = /^[ \t-]*["']?kind["']?[ \t]*:[ \t]*["']?([A-Za-z]*Secret[A-Za-z]*)/m
/** Larger ones are treated as if they could not be read. */
const LARGEST_PARSED = 1024 * 1024

/** Whether a text may be YAML with a Secret in it, such as a manifest that Helm keeps. */
export function mayHoldSecretManifest(content: Buffer): boolean {
  return content.includes(SECRET) && KIND.test(content.toString('latin1'))
}

/** Masks the fields of Secrets in a text of one or more YAML documents; each only as far as rules name its kind. */
export function maskManifests(walk: ValueWalk, content: Buffer, pointer: string): Edit[] {
  const text = content.toString('latin1')
  const edits: Edit[] = []
  const borders = [...text.matchAll(/^---/gm)].map(m => m.index)
  const starts = borders[0] === 0 ? borders : [0, ...borders]
  starts.forEach((start, i) => {
    const part = text.slice(start, starts[i + 1] ?? text.length)
    if (KIND.test(part)) maskManifest(walk, part, start, `${pointer}#${i}`, edits)
  })
  return edits
}

function maskManifest(walk: ValueWalk, text: string, at: number, pointer: string, edits: Edit[]): void {
  const document =
    text.length > LARGEST_PARSED ? null : parseDocument(text, { strict: false, uniqueKeys: false })
  if (document === null || document.errors.length > 0 || !isMap(document.contents)) {
    maskLines(walk, text, at, pointer, edits)
    return
  }
  const kind = String(document.contents.get('kind') ?? '')
  const version = String(document.contents.get('apiVersion') ?? '')
  const state = walk.engine.start(version.includes('/') ? version.split('/')[0]! : '', kind)
  if (state !== null) walkNode(document.contents, state, pointer)

  function walkNode(node: Node, state: FieldState, place: string): void {
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        const name = isScalar(key) ? String(key.value) : ''
        const next = state.step(name)
        if (next !== null && value !== null && typeof value === 'object' && 'range' in value)
          walkNode(value as Node, next, `${place}/${escapeSegment(name)}`)
      }
    } else if (isSeq(node)) {
      node.items.forEach((item, i) => {
        const next = state.step(String(i))
        if (next !== null) walkNode(item as Node, next, `${place}/${i}`)
      })
    } else if (isScalar(node) && state.leaf !== null && node.range != null) {
      const value = typeof node.value === 'string' ? node.value : (node.source ?? String(node.value))
      if (value === '' || node.value === null) return
      const { rule, encoding } = state.leaf
      const replacement =
        encoding === 'text'
          ? placeholderFor(walk.engine, rule, value, walk.uid, canonical(place))
          : maskEncoded(walk, value, encoding, rule, place)
      if (replacement === null) return
      const [start, valueEnd] = node.range
      // A block ends with its line, which stays: a line feed would have to be written otherwise in JSON.
      const end = text.slice(start, valueEnd).endsWith('\n') ? valueEnd - 1 : valueEnd
      edits.push({ start: at + start, end: at + end, replacement, rule, pointer: place })
    }
  }
}

/** What calls itself a Secret and cannot be read: every value below `data` and `stringData` goes. */
function maskLines(walk: ValueWalk, text: string, at: number, pointer: string, edits: Edit[]): void {
  const leaf = walk.engine.start('', 'Secret')?.step('data')?.step('')?.leaf
  if (leaf == null) return
  let number = 0
  for (const match of text.matchAll(/^([ \t-]*)([^\s:#][^:\n]*:[ \t]*)(\S.*)$/gm)) {
    const [, indent = '', name = '', value = ''] = match
    if (/^["']?(?:apiVersion|kind|name|namespace|type)["']?:/.test(name)) continue
    const start = at + match.index + indent.length + name.length
    const place = `${pointer}#${number++}`
    const replacement = placeholderFor(walk.engine, leaf.rule, value, walk.uid, place)
    edits.push({ start, end: start + value.length, replacement, rule: leaf.rule, pointer: place })
  }
}
