import { columnName } from './column.ts'
import type { FieldState } from './field-state.ts'
import type { Name } from './names.ts'
import { ARRAY, OBJECT, STRIDE } from './tape.ts'
import { ValueWalk } from './value-walk.ts'

/**
 * Walks whole objects and what answers put around them: lists, tables, events of a watch, operations of a patch. Knows nothing
 * of streams: its input is one region, all of it in memory.
 */
export class ObjectWalk extends ValueWalk {
  /** Of the list whose elements come one by one. */
  #listKind = ''
  #listVersion = ''
  #columns: (Name | undefined)[] = []

  /** A whole value as an answer's root: an object, a list, a table, an event of a watch. */
  root(at: number): void {
    const { words } = this.tape
    if (words[at] !== OBJECT) {
      this.value(at, null, undefined, at)
      return
    }
    const object = this.member(at, 'object')
    if (object !== -1 && this.member(at, 'kind') === -1) {
      // {"type":"ADDED","object":{…}}: pointers count from the object, as in a single read.
      for (let m = at + STRIDE; m < words[at + 2]!; m = this.after(m + STRIDE)) {
        if (m + STRIDE === object) this.object(object)
        else this.memberOf(at, m, null)
      }
      return
    }
    this.object(at)
  }

  /**
   * An object of the kind that the URL named, and of that which it gives itself. `place`: where it stands among others, for
   * one that has no identity of its own.
   */
  object(at: number, place = ''): void {
    const { words } = this.tape
    if (words[at] !== OBJECT) {
      this.prefix = this.base + place
      this.value(at, null, undefined, at)
      return
    }
    const outer = this.ownUid
    let kind = -1
    let version = -1
    let metadata = -1
    let items = -1
    for (let m = at + STRIDE; m < words[at + 2]!; m = this.after(m + STRIDE)) {
      switch (this.names.of(words[m + 3]!).role) {
        case 'kind':
          kind = m + STRIDE
          break
        case 'apiVersion':
          version = m + STRIDE
          break
        case 'metadata':
          metadata = m + STRIDE
          break
        case 'items':
          items = m + STRIDE
          break
        default:
      }
    }
    if (this.layer === 0) this.#identify(metadata)
    if (place !== '' && this.ownUid === '') this.prefix = this.base + place
    const declared = this.textOf(kind)
    if (declared === 'Table') this.#table(at)
    else if (items !== -1 && words[items] === ARRAY && declared.endsWith('List')) {
      this.#listKind = declared
      this.#listVersion = this.textOf(version)
      this.#list(at)
    } else {
      const state = this.#startFor(declared, this.textOf(version))
      const around = this.present
      this.present = state
      this.members(at, state, metadata)
      this.present = around
    }
    this.ownUid = outer
  }

  #identify(metadata: number): void {
    const { words } = this.tape
    let uid = -1
    let namespace = -1
    let version = -1
    if (metadata !== -1 && words[metadata] === OBJECT) {
      for (let m = metadata + STRIDE; m < words[metadata + 2]!; m = this.after(m + STRIDE)) {
        const { role } = this.names.of(words[m + 3]!)
        if (role === 'uid') uid = m + STRIDE
        else if (role === 'namespace') namespace = m + STRIDE
        else if (role === 'resourceVersion') version = m + STRIDE
      }
    }
    this.ownUid = this.textOf(uid)
    this.ownNamespace = this.textOf(namespace)
    this.ownVersion = version === -1 || this.ownUid === '' ? '' : this.textOf(version)
    this.firstSight = undefined
  }

  /** The operations of a JSON patch (RFC 6902): each value is judged as what stands at its path. */
  operations(): void {
    const { words } = this.tape
    if (words[0] !== ARRAY) {
      this.object(0)
      return
    }
    let number = 0
    for (let e = STRIDE; e < words[2]!; e = this.after(e)) {
      this.enter(e, number++)
      if (words[e] === OBJECT) this.#operation(e)
      else this.value(e, null, undefined, 0)
      this.leave()
    }
  }

  #operation(at: number): void {
    const { words } = this.tape
    const segments = this.textOf(this.member(at, 'path'))
      .split('/')
      .slice(1)
      .map(segment => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
    let state = this.engine.start(this.where.group, this.where.kind)
    for (const segment of segments) state = state === null ? null : state.step(segment)
    const last = segments.at(-1)
    const key = last === undefined ? undefined : this.engine.rules.key(last)
    for (let m = at + STRIDE; m < words[at + 2]!; m = this.after(m + STRIDE)) {
      if (this.names.of(words[m + 3]!).role !== 'value') this.memberOf(at, m, null)
      else {
        this.enter(m, -1)
        this.value(
          m + STRIDE,
          state,
          { text: last ?? '', segment: '', key, role: 'none', isIdentity: false },
          at,
        )
        this.leave()
      }
    }
  }

  /** One row of a table. */
  row(at: number, place: string): void {
    const { words } = this.tape
    if (words[at] !== OBJECT) {
      this.value(at, null, undefined, at)
      return
    }
    for (let m = at + STRIDE; m < words[at + 2]!; m = this.after(m + STRIDE)) {
      const name = this.names.of(words[m + 3]!)
      this.prefix = this.base
      if (name.role === 'object') this.object(m + STRIDE, place)
      else {
        this.prefix = this.base + place
        if (name.role === 'cells' && words[m + STRIDE] === ARRAY) this.#cells(m + STRIDE)
        else this.memberOf(at, m, null)
      }
    }
  }

  /** Members of an object of which only these are in the region: head and tail of a list. */
  loose(from: number, to: number): void {
    for (let m = from; m < to; m = this.after(m + STRIDE)) {
      const { role } = this.names.of(this.tape.words[m + 3]!)
      const value = m + STRIDE
      if (role === 'columnDefinitions') this.#readColumns(value)
      else if (role === 'kind') this.#listKind = this.textOf(value)
      else if (role === 'apiVersion') this.#listVersion = this.textOf(value)
      if (role === 'metadata') this.metadata(m, null)
      else this.memberOf(-1, m, null)
    }
  }

  #startFor(declared: string, apiVersion: string): FieldState | null {
    const { group, kind } = this.where
    const own = declared === '' ? null : this.engine.start(groupOf(apiVersion), declared)
    // An error is an error, whatever was asked for. Else an answer does not escape the rules of the kind that was asked
    // for by calling itself something else.
    if (declared === 'Status') return own
    const asked = kind === '' ? null : this.engine.start(group, kind)
    if (asked !== null || own !== null) return asked ?? own
    if (declared !== '' || !this.#listKind.endsWith('List')) return null
    return this.engine.start(groupOf(this.#listVersion), this.#listKind.slice(0, -4))
  }

  #table(at: number): void {
    const { words } = this.tape
    const columns = this.member(at, 'columnDefinitions')
    if (columns !== -1) this.#readColumns(columns)
    for (let m = at + STRIDE; m < words[at + 2]!; m = this.after(m + STRIDE)) {
      const value = m + STRIDE
      if (this.names.of(words[m + 3]!).role === 'rows' && words[value] === ARRAY) {
        let number = 0
        for (let e = value + STRIDE; e < words[value + 2]!; e = this.after(e)) {
          this.row(e, `/rows/${number++}`)
        }
        this.prefix = this.base
      } else this.memberOf(at, m, null)
    }
  }

  #list(at: number): void {
    const { words } = this.tape
    for (let m = at + STRIDE; m < words[at + 2]!; m = this.after(m + STRIDE)) {
      const value = m + STRIDE
      if (this.names.of(words[m + 3]!).role === 'items' && words[value] === ARRAY) {
        let number = 0
        for (let e = value + STRIDE; e < words[value + 2]!; e = this.after(e)) {
          this.object(e, `/items/${number++}`)
          this.prefix = this.base
        }
      } else this.memberOf(at, m, null)
    }
  }

  #readColumns(at: number): void {
    const { words } = this.tape
    // Later events of a watch have none, and their cells stand in the columns of the first.
    if (words[at] !== ARRAY) return
    this.#columns = []
    for (let e = at + STRIDE; e < words[at + 2]!; e = this.after(e)) {
      const isColumn = words[e] === OBJECT
      const label = this.textOf(isColumn ? this.member(e, 'name') : -1)
      const description = this.textOf(isColumn ? this.member(e, 'description') : -1)
      this.#columns.push(columnName(this.engine.rules, label, description))
    }
  }

  #cells(at: number): void {
    const { words } = this.tape
    let number = 0
    for (let e = at + STRIDE; e < words[at + 2]!; e = this.after(e)) {
      this.enter(e, number)
      this.value(e, null, this.#columns[number], at)
      this.leave()
      number++
    }
  }
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? '' : apiVersion.slice(0, slash)
}
