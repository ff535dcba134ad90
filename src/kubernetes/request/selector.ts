import type { RefusedRequest } from './contract.ts'
import { parameter, type Query } from './query.ts'
import { refuse } from './refusals.ts'

/**
 * The object name that a list or watch is narrowed to by `fieldSelector=metadata.name=…`, as RequestInfo sees it,
 * or the empty string. RequestInfo decodes all list options at once and forgets the name when any of them is
 * bad, so the others are looked at here as well.
 * Source: apiserver `requestinfo.go`, apimachinery `fields/selector.go`, v0.36.3.
 */
export function nameOfFieldSelector(query: Query): string | RefusedRequest {
  const selector = parameter(query, 'fieldSelector')
  if (selector === undefined || !selector.includes('metadata.name')) return ''
  const name = exactName(selector)
  if (name === null || name === '.' || name === '..' || name.includes('/') || name.includes('%')) return ''
  if (!isInt64(parameter(query, 'limit')) || !isInt64(parameter(query, 'timeoutSeconds'))) return ''
  const labels = parameter(query, 'labelSelector')
  // Whether upstream sees the name depends on whether it can read the labels; no guess is good enough here.
  if (labels !== undefined && labels !== '' && !isPlainLabelSelector(labels))
    return refuse('selector-unreadable')
  for (let index = 0; index < name.length; index++)
    if (name.charCodeAt(index) > 0x7e) return refuse('non-ascii')
  return name
}

export interface SelectorTerm {
  /** Of a field such as `spec.nodeName`, or the key of a label. */
  readonly name: string
  /** What it is compared with: none where only its presence is asked for. */
  readonly values: readonly string[]
  /** Asks for what is above or below a number (labels only). */
  readonly isOrdering: boolean
}

/**
 * The terms of a field selector as apimachinery's `fields.ParseSelector` splits them. One that cannot be read there, and
 * so ends in an error, is given as what it looks like.
 */
export function fieldSelectorTerms(selector: string): SelectorTerm[] {
  return splitTerms(selector).flatMap(term => {
    if (term === '') return []
    const operator = /!=|==|=/.exec(term)
    if (operator === null) return [{ name: term, values: [], isOrdering: false }]
    const value = term.slice(operator.index + operator[0].length)
    return [
      { name: term.slice(0, operator.index), values: [unescapeValue(value) ?? value], isOrdering: false },
    ]
  })
}

/**
 * The requirements of a label selector, split into words as apimachinery's `labels.Lexer` does. Lenient: what is no selector
 * there gives words here.
 */
export function labelSelectorTerms(selector: string): SelectorTerm[] {
  const terms: SelectorTerm[] = []
  let words: string[] = []
  let isOrdering = false
  let isWithin = false
  const end = (): void => {
    const [name, ...rest] = words
    const values = /^(?:not)?in$/.test(rest[0] ?? '') ? rest.slice(1) : rest
    if (name !== undefined) terms.push({ name, values, isOrdering })
    words = []
    isOrdering = false
  }
  for (const [token] of selector.matchAll(/[^\s=!(),<>]+|[(),<>]/g)) {
    if (token === ',' && !isWithin) end()
    else if (token === '(') isWithin = true
    else if (token === ')') isWithin = false
    else if (token === '<' || token === '>') isOrdering = true
    else if (token !== ',') words.push(token)
  }
  end()
  return terms
}

/** The value that `metadata.name` must equal, or null: no such term, or the selector is malformed. */
function exactName(selector: string): string | null {
  let found: string | null = null
  let foundTerm = ''
  for (const term of splitTerms(selector)) {
    if (term === '') continue
    const operator = /!=|==|=/.exec(term)
    if (operator === null) return null
    const value = unescapeValue(term.slice(operator.index + operator[0].length))
    if (value === null) return null
    if (operator[0] === '!=' || term.slice(0, operator.index) !== 'metadata.name') continue
    // Terms are sorted by their bytes upstream and the first one counts.
    if (found !== null && Buffer.compare(Buffer.from(foundTerm), Buffer.from(term)) <= 0) continue
    found = value
    foundTerm = term
  }
  return found
}

/** At commas that no backslash escapes; the backslashes stay. */
function splitTerms(selector: string): string[] {
  const terms: string[] = []
  let start = 0
  for (let index = 0; index < selector.length; index++) {
    const character = selector[index]
    if (character === '\\') index++
    else if (character === ',') {
      terms.push(selector.slice(start, index))
      start = index + 1
    }
  }
  terms.push(selector.slice(start))
  return terms
}

/** Backslash escapes `\`, `,` and `=`, which must not stand alone; null for anything else. */
function unescapeValue(text: string): string | null {
  let value = ''
  for (let index = 0; index < text.length; index++) {
    const character = text[index]!
    if (character === ',' || character === '=') return null
    if (character !== '\\') {
      value += character
      continue
    }
    const escaped = text[++index]
    if (escaped !== '\\' && escaped !== ',' && escaped !== '=') return null
    value += escaped
  }
  return value
}

/** Absent, or what Go's `strconv.ParseInt(value, 10, 64)` takes. */
function isInt64(value: string | undefined): boolean {
  if (value === undefined) return true
  if (!/^[+-]?[0-9]+$/.test(value)) return false
  return value.length < 19 || BigInt.asIntN(64, BigInt(unsigned(value))) === BigInt(unsigned(value))
}

/** BigInt() takes a minus sign but no plus sign. */
function unsigned(value: string): string {
  return value.startsWith('+') ? value.slice(1) : value
}

/** `in` and `notin` are operators to the label parser in some places and plain words in others: never a word here. */
const WORD = '(?!(?:in|notin)(?![A-Za-z0-9_./-]))'
const NAME = `${WORD}[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?`
const DNS_LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const KEY = `(?:${DNS_LABEL}(?:\\.${DNS_LABEL}){0,3}/)?${NAME}`
const REQUIREMENT = `(?:!?${KEY}|${KEY} ?(?:=|==|!=) ?(?:${NAME})?|${KEY} (?:in|notin) ?\\(${NAME}(?:, ?${NAME})*\\))`
const PLAIN_LABEL_SELECTOR = new RegExp(`^${REQUIREMENT}(?:, ?${REQUIREMENT})*$`)

/** A subset of what apimachinery's `labels.Parse` surely accepts: how clients write selectors. */
function isPlainLabelSelector(text: string): boolean {
  return text.length <= 1024 && PLAIN_LABEL_SELECTOR.test(text)
}
