import type { FieldEncoding, Finding, MaskRule } from '../contract.ts'
import { maskErrorText } from '../layers/error-text.ts'
import { maskEncoded } from '../layers/mask-encoded.ts'
import { maskString } from '../layers/mask-string.ts'
import { meantBytes, rawEdits } from '../layers/meant-bytes.ts'
import { NUMBER_PLACEHOLDER } from '../placeholder.ts'
import { asBytes, canonical } from './canonical.ts'
import type { Edit } from './edit.ts'
import type { FieldState } from './field-state.ts'
import { findAll } from './find-all.ts'
import { type MaskEngine, placeholderFor } from './mask-engine.ts'
import { escapeSegment, type Name } from './names.ts'
import { readTape } from './read-tape.ts'
import { type Chunk, Region } from './region.ts'
import {
  ARRAY,
  ESCAPED_TEXT,
  LITERAL,
  NUMBER,
  OBJECT,
  PACKED,
  STRIDE,
  type Tape,
  TEXT,
  UNREAD,
} from './tape.ts'

/** What is known of the objects in a text from elsewhere: by which URL they were asked for. */
export interface ObjectContext {
  readonly group: string
  readonly kind: string
  /** Where values that are learned come from: the connection. */
  readonly source?: string
  /** What a dry run would make of them. */
  readonly isTrial?: boolean
}

/** How deep texts within texts are opened. */
export const MOST_LAYERS = 5

/**
 * Walks the tokens of values and finds what must be masked in them: by field rules, by names, by look. What objects are made
 * of is known here; what answers are made of, in `ObjectWalk`.
 */
export class ValueWalk extends Region {
  edits: Edit[] = []
  readonly engine: MaskEngine
  readonly layer: number
  protected where: ObjectContext = { group: '', kind: '' }
  protected ownUid = ''
  protected ownNamespace = ''
  /** Where the walk of the present object began. */
  protected present: FieldState | null = null
  protected ownVersion = ''
  /** Undefined until somebody asks: what shows an object without its values is not a first sight of them. */
  protected firstSight: boolean | undefined = true
  #outer: ValueWalk | undefined
  /** Tokens on the way to the present one: the name of a member, or an element; and the element's number, or -1. */
  readonly #way: number[] = []
  #steps = 0
  /** Of the text that this one is in. */
  protected base = ''
  /** Of the present value, before the way to it. */
  protected prefix = ''
  /** Members whose name is a secret: no pointer may say it. */
  #secretNames: Set<number> | null = null

  constructor(engine: MaskEngine, tape: Tape, layer: number) {
    super(tape, engine.names, engine.rules.text)
    this.engine = engine
    this.layer = layer
  }

  /**
   * Takes the region whose tokens are on the tape. `prefix` is where the text is in that of `outer`. Regions of one chunk
   * may share its text, in which they follow each other: then it is searched once.
   */
  begin(bytes: Buffer, context: ObjectContext, prefix = '', outer?: ValueWalk, chunk?: Chunk, at = 0): void {
    this.take(bytes, chunk, at)
    this.edits = []
    this.where = context
    this.#secretNames = null
    this.base = prefix
    this.prefix = prefix
    this.ownUid = outer?.uid ?? ''
    this.ownNamespace = outer?.namespace ?? ''
    this.#outer = outer
    this.firstSight = outer === undefined ? true : undefined
    this.#steps = 0
  }

  /** Of the object that the walk is in; part of what a placeholder is bound to. */
  get uid(): string {
    return this.ownUid
  }

  /** Remembers a value under the namespace that it is from. */
  learn(value: string, rule: MaskRule): void {
    this.engine.fingerprints.learn(value, rule, `${this.where.source ?? ''}/${this.ownNamespace}`)
  }

  /** Whether this version of the object was not seen before: then its values are to be learned. */
  get isNew(): boolean {
    this.firstSight ??= this.#outer === undefined ? this.#isFirstSight() : this.#outer.isNew
    return this.firstSight
  }

  #isFirstSight(): boolean {
    if (this.ownVersion === '') return true
    // What a trial would make of an object has the version of the present one.
    return this.engine.isNew(
      this.ownUid,
      this.where.isTrial === true ? `trial ${this.ownVersion}` : this.ownVersion,
    )
  }

  get namespace(): string {
    return this.ownNamespace
  }

  get context(): ObjectContext {
    return this.where
  }

  /** The object in this text is taken for one of this kind, whatever it calls itself. */
  as(group: string, kind: string): void {
    this.where = { ...this.where, group, kind }
  }

  /** Any value, with a state of its own. */
  under(at: number, state: FieldState | null): void {
    this.value(at, state, undefined, at)
  }

  /** The members of a Kubernetes object, or of any other. */
  protected members(at: number, state: FieldState | null, metadata = -1): void {
    const { words } = this.tape
    const pair = this.#pairRule(at)
    const end = words[at + 2]!
    let previous = -1
    let kept = false
    for (let m = at + STRIDE; m < end; m = this.after(m + STRIDE)) {
      const value = m + STRIDE
      const name = this.names.of(words[m + 3]!)
      const next = state === null ? null : state.step(name.text)
      if (next?.leaf?.rule.action === 'drop') {
        this.#drop(m, kept ? previous : -1, this.after(value) < end, next.leaf.rule)
        previous = value
        continue
      }
      kept = true
      previous = value
      if (value === metadata) this.metadata(m, next)
      else if (pair !== undefined && name.role === 'value') {
        this.#key(m)
        this.enter(m, -1)
        this.#named(value, pair.rule, pair.strength, next, name, at)
        this.leave()
      } else this.memberOf(at, m, next)
    }
  }

  protected memberOf(parent: number, m: number, state: FieldState | null): void {
    const name = this.names.of(this.tape.words[m + 3]!)
    this.#key(m)
    this.enter(m, -1)
    if (name.role === 'fieldsV1' && this.tape.words[m + STRIDE] === OBJECT)
      this.#owned(m + STRIDE, this.present, undefined)
    else if (name.role === 'message' && state === null && this.#quotesValues(m + STRIDE))
      this.#errorText(m + STRIDE)
    else this.value(m + STRIDE, state, name, parent)
    this.leave()
  }

  /** What identifies an object is not masked: a client could do nothing with it, and it names what was masked. */
  protected metadata(m: number, state: FieldState | null): void {
    const { words } = this.tape
    const at = m + STRIDE
    if (words[at] !== OBJECT) {
      this.memberOf(-1, m, state)
      return
    }
    this.enter(m, -1)
    for (let n = at + STRIDE; n < words[at + 2]!; n = this.after(n + STRIDE)) {
      const name = this.names.of(words[n + 3]!)
      const next = state === null ? null : state.step(name.text)
      if (!name.isIdentity || next?.leaf != null) this.memberOf(at, n, next)
    }
    this.leave()
  }

  protected value(at: number, state: FieldState | null, name: Name | undefined, parent: number): void {
    const { words } = this.tape
    switch (words[at]) {
      case OBJECT:
        this.members(at, state)
        return
      case ARRAY:
        this.#elements(at, state, name)
        return
      case LITERAL:
        return
      case UNREAD:
        this.#unread(at)
        return
      default:
    }
    const leaf = state?.leaf
    if (leaf != null) {
      this.#field(at, leaf.rule, leaf.encoding)
      return
    }
    const key = name?.key
    if (key !== undefined) this.#named(at, key.rule, key.strength, null, name!, parent)
    else if (words[at] !== NUMBER) this.#free(at)
  }

  #elements(at: number, state: FieldState | null, name: Name | undefined): void {
    const { words } = this.tape
    let number = 0
    let flag: Name['key']
    for (let e = at + STRIDE; e < words[at + 2]!; e = this.after(e)) {
      const next = state === null ? null : state.step(String(number))
      this.enter(e, number)
      const kind = words[e]!
      // ["--password", "…"]: the element before names this one.
      if (flag !== undefined && kind === TEXT && next?.leaf == null) {
        this.#named(e, flag.rule, flag.strength, null, undefined, at)
      } else this.value(e, next, kind === OBJECT || kind === ARRAY ? undefined : name, at)
      flag = kind === TEXT ? this.#flag(e) : undefined
      this.leave()
      number++
    }
  }

  #flag(e: number): Name['key'] {
    const { words } = this.tape
    const start = words[e + 1]!
    const end = words[e + 2]!
    if (this.bytes[start] !== 0x2d || end - start > 64 || end - start < 3) return undefined
    const text = this.slice(start, end)
    return /^--?[A-Za-z][\w.-]*$/.test(text) ? this.engine.rules.key(text.replace(/^-+/, '')) : undefined
  }

  /** `{name: DB_PASSWORD, value: …}`, in whatever order: the rule of the name, or else of the key, holds for the value. */
  #pairRule(at: number): Name['key'] {
    const { words } = this.tape
    const end = words[at + 2]!
    let name = -1
    let key = -1
    let hasValue = false
    for (let m = at + STRIDE; m < end; m = this.after(m + STRIDE)) {
      const { role } = this.names.of(words[m + 3]!)
      if (role === 'name') name = m + STRIDE
      else if (role === 'key') key = m + STRIDE
      else if (role === 'value') hasValue = true
    }
    if (!hasValue || (name === -1 && key === -1)) return undefined
    const { rules } = this.engine
    const byName = name === -1 ? undefined : rules.env(this.textOf(name))
    if (key === -1 || byName?.strength === 'strong') return byName
    const byKey = rules.env(this.textOf(key))
    return byKey?.strength === 'strong' ? byKey : (byName ?? byKey)
  }

  /** A value whose name tells of it. */
  #named(
    at: number,
    rule: MaskRule,
    strength: 'strong' | 'weak',
    state: FieldState | null,
    name: Name | undefined,
    parent: number,
  ): void {
    const { words } = this.tape
    const kind = words[at]!
    if (state?.leaf != null || kind === OBJECT || kind === ARRAY || kind === LITERAL) {
      this.value(at, state, kind === ARRAY ? name : undefined, parent)
      return
    }
    const value = kind === NUMBER ? this.slice(words[at + 1]!, words[at + 2]!) : this.textOf(at)
    if (!this.engine.plausible(value, strength)) {
      if (kind !== NUMBER) this.#free(at)
      return
    }
    this.#whole(at, rule, value)
  }

  /** A value that a rule names by structure. */
  #field(at: number, rule: MaskRule, encoding: FieldEncoding): void {
    const { words } = this.tape
    if (words[at] === NUMBER || encoding === 'text') {
      this.#whole(at, rule, words[at] === NUMBER ? '' : this.textOf(at))
      return
    }
    if (words[at + 1] === words[at + 2]) return
    const pointer = this.pointer()
    // The placeholder does not depend on the value: most values are not even looked at.
    if (encoding === 'base64' && rule.action === 'mask' && !(rule.learn && this.isNew)) {
      const placeholder = this.engine.placeholders.at(rule.name, this.ownUid, canonical(pointer))
      this.#replace(at, btoa(placeholder), rule, pointer, true)
      return
    }
    const replacement = maskEncoded(this, this.textOf(at), encoding, rule, pointer)
    if (replacement !== null) this.#replace(at, replacement, rule, pointer, true)
  }

  #whole(at: number, rule: MaskRule, value: string): void {
    const pointer = this.pointer()
    if (this.tape.words[at] === NUMBER) {
      this.#replace(at, NUMBER_PLACEHOLDER, rule, pointer)
      return
    }
    if (value === '') return
    const view = asBytes(value)
    if (rule.learn) this.learn(view, rule)
    const placeholder = placeholderFor(this.engine, rule, view, this.ownUid, canonical(pointer))
    this.#replace(at, placeholder, rule, pointer)
  }

  #replace(at: number, replacement: string, rule: MaskRule, pointer: string, isBase64 = false): void {
    const { words } = this.tape
    this.edits.push({ start: words[at + 1]!, end: words[at + 2]!, replacement, rule, pointer, isBase64 })
  }

  /**
   * Managed fields: names of fields, which tell no value; but elements of sets and keys of lists are values. They are
   * read when something may be in them.
   */
  #unread(at: number): void {
    const { words } = this.tape
    const start = words[at + 1]!
    const end = words[at + 2]!
    // Who last changed which field tells of a dry run whether a value that was tried is the one that is there.
    if (this.where.isTrial === true && this.present !== null) {
      this.edits.push({ start, end, replacement: '[]', rule: TRIAL, pointer: this.pointer() })
      return
    }
    const isSuspect =
      (this.mayHold(start, end) && this.find(this.slice(start, end)).length > 0) ||
      this.engine.fingerprints.mayHold(this.bytes, start, end) ||
      words[at + 3] === PACKED
    if (!isSuspect) return
    const content = this.bytes.subarray(start, end)
    const tape = readTape(content, this.names.keys)
    if (tape === null) return
    const inner = new ValueWalk(this.engine, tape, this.layer)
    inner.begin(content, this.where, this.pointer(), this)
    inner.present = this.present
    inner.under(0, null)
    for (const e of inner.edits) this.edits.push({ ...e, start: e.start + start, end: e.end + start })
  }

  /** A string of which nothing is known but what is in it. */
  #free(at: number): void {
    const { words } = this.tape
    maskString(this, words[at + 1]!, words[at + 2]!, words[at] === ESCAPED_TEXT)
  }

  /**
   * Managed fields (KEP-555): names are `f:` and a member's name, `v:` and an element of a set, `k:` and the keys of an
   * element. An element is a value, judged by the field that the set is.
   */
  #owned(at: number, state: FieldState | null, key: Name['key']): void {
    const { words } = this.tape
    for (let m = at + STRIDE; m < words[at + 2]!; m = this.after(m + STRIDE)) {
      const value = m + STRIDE
      const { text } = this.names.of(words[m + 3]!)
      if (words[value] !== OBJECT) {
        this.memberOf(at, m, null)
        continue
      }
      if (!text.startsWith('v:') || !this.#ownedElement(m, text.slice(2), state, key)) this.#key(m)
      this.enter(m, -1)
      if (text.startsWith('f:')) {
        const name = text.slice(2)
        this.#owned(value, state === null ? null : state.step(name), this.engine.rules.key(name))
      } else this.#owned(value, state === null ? null : state.step('0'), undefined)
      this.leave()
    }
  }

  #ownedElement(m: number, json: string, state: FieldState | null, key: Name['key']): boolean {
    const { words } = this.tape
    const value = stringIn(json)
    const named =
      key !== undefined && this.engine.plausible(value ?? json, key.strength) ? key.rule : undefined
    const rule = state?.step('0')?.leaf?.rule ?? named
    if (rule === undefined) return false
    // Between `v:\"` and `\"`; a number is all that follows the colon.
    const [before, behind] = value === undefined ? [2, 0] : [4, 2]
    this.enter(m, -1)
    const place = this.pointer()
    this.#isSecretName(m)
    const pointer = this.pointer()
    this.leave()
    const replacement =
      value === undefined
        ? NUMBER_PLACEHOLDER
        : placeholderFor(this.engine, rule, asBytes(value), this.ownUid, canonical(place))
    const [start, end] = [words[m + 1]! + before, words[m + 2]! - behind]
    this.edits.push({ start, end, replacement, rule, pointer })
    return true
  }

  /** Messages of errors, wherever they are kept: they quote what was refused, and what is there. */
  #quotesValues(at: number): boolean {
    const { words } = this.tape
    if (words[at] !== TEXT && words[at] !== ESCAPED_TEXT) return false
    return QUOTING.test(this.slice(words[at + 1]!, words[at + 2]!))
  }

  #errorText(at: number): void {
    const { words } = this.tape
    const [start, end] = [words[at + 1]!, words[at + 2]!]
    const content = meantBytes(this.bytes, start, end)
    this.edits.push(...rawEdits(this.bytes, start, end, maskErrorText(this, content, this.pointer())))
  }

  /** Names may be secrets too, such as an element of a set in managed fields. */
  #key(m: number): void {
    const { words } = this.tape
    const start = words[m + 1]!
    const end = words[m + 2]!
    if (end - start < 12) return
    const id = words[m + 3]!
    // An element of a set in managed fields: `v:` and the value as JSON.
    const isElement = this.bytes[start] === 0x76 && this.bytes[start + 1] === 0x3a
    // What is in a name does not depend on what is around it; one with escapes may be read in another way.
    const changes = isElement || words[m] === ESCAPED_TEXT ? undefined : this.engine.fingerprints.changes
    if (changes !== undefined && this.names.isClean(id, this.layer, changes)) return
    const before = this.edits.length
    this.enter(m, -1)
    maskString(this, isElement ? start + 2 : start, end, words[m] === ESCAPED_TEXT)
    if (this.edits.length > before) {
      this.#isSecretName(m)
      const pointer = this.pointer()
      for (let i = before; i < this.edits.length; i++) this.edits[i] = { ...this.edits[i]!, pointer }
    } else if (changes !== undefined) this.names.setClean(id, this.layer, changes)
    this.leave()
  }

  /** All findings in a text: by look and by fingerprint, in order, without overlaps. */
  find(text: string): Finding[] {
    return findAll(this.engine, text)
  }

  pointer(): string {
    const { words } = this.tape
    let text = this.prefix
    for (let i = 0; i < this.#steps; i += 2) {
      const at = this.#way[i]!
      const number = this.#way[i + 1]!
      if (number < 0 && this.#secretNames?.has(at) === true) text += '/*'
      else if (number < 0) text += this.names.of(words[at + 3]!).segment
      else {
        const label = words[at] === OBJECT ? this.textOf(this.member(at, 'name')) : ''
        text += label === '' || this.find(label).length > 0 ? `/${number}` : `/[name=${escapeSegment(label)}]`
      }
    }
    return text
  }

  #isSecretName(m: number): void {
    this.#secretNames ??= new Set()
    this.#secretNames.add(m)
  }

  protected enter(at: number, number: number): void {
    const i = this.#steps
    this.#way[i] = at
    this.#way[i + 1] = number
    this.#steps = i + 2
  }

  protected leave(): void {
    this.#steps -= 2
  }

  /** Leaves a member out, and one comma: that before it, or, while no member was kept, that after it. */
  #drop(m: number, previous: number, isFollowed: boolean, rule: MaskRule): void {
    const { words } = this.tape
    this.enter(m, -1)
    const pointer = this.pointer()
    this.leave()
    const start = previous < 0 ? words[m + 1]! - 1 : this.endOf(previous)
    const value = m + STRIDE
    const end = previous < 0 && isFollowed ? words[this.after(value) + 1]! - 1 : this.endOf(value)
    this.edits.push({ start, end, replacement: '', rule, pointer })
  }
}

const QUOTING = /value: |Not found: |\.\.\.\||@@ |Value\W{1,4}:/

const TRIAL: MaskRule = Object.freeze({
  name: 'dry-run',
  action: 'mask',
  first: 0,
  last: 0,
  keep: 'raw',
  learn: false,
})

function stringIn(json: string): string | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}
