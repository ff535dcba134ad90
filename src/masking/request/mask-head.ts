import type { MaskRule } from '../contract.ts'
import { applyEdits, type Edit } from '../json/edit.ts'
import type { MaskEngine } from '../json/mask-engine.ts'
import { placeholderFor } from '../json/mask-engine.ts'
import { ObjectWalk } from '../json/object-walk.ts'
import { Tape } from '../json/tape.ts'
import { maskContent } from '../layers/mask-string.ts'

/**
 * A request-target as the trail shows it. Values of the query are read decoded; one that is or holds a secret is replaced
 * whole. The path names things, and names are not masked.
 */
export function maskTarget(engine: MaskEngine, target: string): string {
  const query = target.indexOf('?')
  if (query < 0) return target
  const masked = target
    .slice(query + 1)
    .split('&')
    .map(parameter => {
      const equals = parameter.indexOf('=')
      if (equals < 0) return parameter
      const value = decoded(parameter.slice(equals + 1))
      const key = engine.rules.key(decoded(parameter.slice(0, equals)))
      const rule =
        key !== undefined &&
        !QUERY_NAMES.has(parameter.slice(0, equals)) &&
        engine.plausible(value, key.strength)
          ? key.rule
          : firstFinding(engine, value)
      return rule === undefined ? parameter : `${parameter.slice(0, equals + 1)}${mark(engine, rule, value)}`
    })
  return `${target.slice(0, query + 1)}${masked.join('&')}`
}

/** `continue` and the like are not secrets, whatever their names look like. */
const QUERY_NAMES = new Set(['continue', 'fieldSelector', 'labelSelector', 'resourceVersion', 'fieldManager'])

/** A text of a head: what is found in it, by look or because it was seen before, is replaced. */
export function maskText(engine: MaskEngine, text: string): string {
  const edits = editsOf(engine, text)
  return edits.length === 0 ? text : applyEdits(Buffer.from(text), edits).toString()
}

function editsOf(engine: MaskEngine, text: string): Edit[] {
  if (text.length < 6) return []
  const bytes = Buffer.from(text)
  const walk = new ObjectWalk(engine, new Tape(engine.names.keys), 0)
  walk.begin(bytes, { group: '', kind: '' })
  return maskContent(walk, bytes, 'head')
}

/** The words of a command: a word after a flag that tells of it is masked as well. */
export function maskCommand(engine: MaskEngine, words: readonly string[]): string[] {
  return words.map((word, i) => {
    const before = words[i - 1]
    if (before !== undefined && /^--?[A-Za-z][\w.-]*$/.test(before)) {
      const key = engine.rules.key(before.replace(/^-+/, ''))
      if (key !== undefined && engine.plausible(word, key.strength)) return mark(engine, key.rule, word)
    }
    return maskText(engine, word)
  })
}

function firstFinding(engine: MaskEngine, value: string): MaskRule | undefined {
  return editsOf(engine, value)[0]?.rule
}

function mark(engine: MaskEngine, rule: MaskRule, value: string): string {
  return placeholderFor(engine, rule, value, '', 'head')
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}
