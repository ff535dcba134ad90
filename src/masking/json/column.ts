import type { ActiveRules } from '../contract.ts'
import type { Name } from './names.ts'

/** How kube-apiserver (1.36) describes a column of a custom kind whose author did not. */
const SHOWS = /^Custom resource definition column \(in JSONPath format\): (\S.*)$/

/**
 * What the cells of a table's column are judged by: its name, or else the field that it shows, which its description tells
 * unless an author has written another one.
 */
export function columnName(rules: ActiveRules, name: string, description: string): Name | undefined {
  const key = byName(rules, name) ?? byPath(rules, SHOWS.exec(description)?.[1] ?? '')
  return key === undefined ? undefined : { text: name, segment: '', key, role: 'none', isIdentity: false }
}

function byName(rules: ActiveRules, name: string): Name['key'] {
  return name === '' ? undefined : rules.key(name.replaceAll(' ', '_'))
}

/** By the last name of a JSONPath, as kubectl writes them: `.spec.list[*].a\.b`. */
function byPath(rules: ActiveRules, path: string): Name['key'] {
  if (path === '') return undefined
  const filters: string[] = []
  const last = path
    .replaceAll('\\.', DOT)
    .replace(/\[\?\([^\]]*\)\]/g, filter => {
      filters.push(filter)
      return ''
    })
    .split(/[.[\]'"{}]+/)
    .filter(segment => segment !== '' && !/^[\d:*,-]+$/.test(segment))
    .at(-1)
    ?.replaceAll(DOT, '.')
  if (last === undefined) return undefined
  if (last !== 'value') return rules.key(last)
  // `{name: PASSWORD, value: …}`: the name stands in the filter, or nobody knows it.
  for (const filter of filters) {
    for (const [, label] of filter.matchAll(/["']([^"']+)["']/g)) {
      const key = rules.env(label!)
      if (key !== undefined) return key
    }
  }
  const unknown = rules.env('password')
  return unknown === undefined ? undefined : { rule: unknown.rule, strength: 'weak' }
}

const DOT = '\0'
