import { type JsonFault, type JsonSink, JsonTokenizer } from '../json/tokenizer.ts'
import { type FilterOptions, noFacts, type ObjectFacts, type Replacement, type Row } from './contract.ts'
import { ShownObjects } from './shown-objects.ts'
import { Stretch } from './stretch.ts'

/** `object-hidden`: the one object that was asked for may not be seen. */
export type FilterFault =
  | JsonFault
  | 'json-object-too-large'
  | 'object-hidden'
  | 'form-not-filtered'
  | 'member-twice'
  | 'watch-too-large'

const LARGEST = 16 * 1024 * 1024
const DEEPEST = 200
const NEWLINE = Buffer.from('\n')

/** What an open container is. */
type Role =
  | 'list'
  | 'items'
  | 'rows'
  | 'row'
  | 'object'
  | 'row-object'
  | 'metadata'
  | 'labels'
  | 'event'
  | 'list-metadata'

/** All that a list or a Table has beside its elements. */
const LIST_MEMBERS: ReadonlySet<string> = new Set([
  'kind',
  'apiVersion',
  'metadata',
  'items',
  'rows',
  'columnDefinitions',
])

/**
 * Lets only those objects of an answer pass that the caller may see: elements of a list, rows of a Table, events of a watch.
 * What passes keeps its bytes; memory is bounded by the largest object. An answer of another form is a fault, after which
 * nothing more passes.
 */
export class ObjectFilter implements JsonSink {
  fault: FilterFault | null = null
  /** Objects that did not pass, and were told of as gone. */
  hidden = 0
  readonly #options: FilterOptions
  readonly #tokenizer: JsonTokenizer
  readonly #stretch: Stretch
  readonly #shown: ShownObjects
  readonly #roles: Role[] = []
  /** Containers open within one of which nothing is looked at. */
  #skipped = 0
  /** The last name in a container that has a role. */
  #key = ''
  /** Names that were seen in the present element, by role. */
  readonly #seen = new Set<string>()
  #out: Uint8Array[] = []
  #edits: Replacement[] = []
  /** Elements of the list so far, and those that passed. */
  #elements = 0
  #passed = 0
  #start = 0
  #facts: ObjectFacts = noFacts()
  /** Whose metadata is being read. */
  #target: ObjectFacts = this.#facts
  #rows: Row[] = []
  #row: Row = noRow()
  #hasOddRows = false
  #kind = ''
  #apiVersion = ''
  #type = ''
  #typeAt = 0
  /** Where the value of `columnDefinitions` is, and whether it says something. */
  #columns: { start: number; end: number; isFull: boolean } | null = null
  #columnsStart = 0
  /** Columns of a Table whose event did not pass: only the first event has them. */
  #keptColumns: Uint8Array | null = null

  constructor(options: FilterOptions) {
    this.#options = options
    this.#tokenizer = new JsonTokenizer(this, DEEPEST, options.form === 'watch')
    this.#stretch = new Stretch()
    this.#shown = new ShownObjects(options.fromStart, options.most)
  }

  /** What may leave of all that has come so far. */
  push(chunk: Uint8Array): Uint8Array[] {
    if (this.fault !== null) {
      this.#stretch.add(chunk)
      return []
    }
    this.#stretch.begin(chunk)
    const isRead = this.#tokenizer.feed(chunk)
    if (this.#options.form === 'watch' && this.#roles.length === 0 && this.#tokenizer.isBetweenValues) {
      this.#stretch.drop()
    }
    this.#stretch.keep()
    if (!isRead) this.fault ??= this.#tokenizer.fault
    if (this.#stretch.length > (this.#options.largestObject ?? LARGEST))
      this.fault ??= 'json-object-too-large'
    return this.#take()
  }

  end(): Uint8Array[] {
    if (this.fault !== null) return []
    if (!this.#tokenizer.end()) this.fault = this.#tokenizer.fault
    else if (this.#options.form !== 'watch') this.#pass(this.#stretch.end)
    return this.#take()
  }

  held(): readonly Uint8Array[] {
    return this.#stretch.held()
  }

  open(isObject: boolean, offset: number): void {
    if (this.#skipped > 0) {
      this.#skipped++
      return
    }
    if (this.fault !== null) return
    const role = this.#roleOf(isObject, offset)
    if (role === null) this.#skipped = 1
    else this.#roles.push(role)
  }

  close(_isObject: boolean, offset: number): void {
    if (this.#skipped > 0) {
      this.#skipped--
      if (this.#skipped === 0 && this.#columnsStart > 0)
        this.#sawColumns(offset + 1, offset > this.#columnsStart)
      return
    }
    if (this.fault !== null) return
    const role = this.#roles.pop()
    const around = this.#roles.at(-1)
    switch (role) {
      case 'row-object':
        this.#row.objectEnd = offset + 1
        this.#target = this.#facts
        break
      case 'object':
        if (around === 'items') this.#element(offset + 1)
        else if (around === undefined) this.#single(offset + 1)
        break
      case 'row':
        this.#rows.push(this.#row)
        if (this.#roles.at(-2) === 'list') this.#element(offset + 1)
        break
      case 'list':
        this.#pass(offset + 1)
        break
      case 'event':
        this.#event(offset + 1)
        break
      default:
    }
  }

  key(bytes: Uint8Array, start: number, end: number, _offset: number, escaped: boolean): boolean {
    if (this.#skipped > 0) return true
    if (this.fault !== null) return false
    const role = this.#roles.at(-1)!
    const key = textOf(bytes, start, end, escaped)
    this.#key = key
    if (role === 'labels') {
      if (this.#target.labels.has(key)) this.fault = 'member-twice'
      return this.fault === null
    }
    if (role === 'list' && !LIST_MEMBERS.has(key)) this.fault = 'form-not-filtered'
    if (role === 'event' && key !== 'type' && key !== 'object') this.fault = 'form-not-filtered'
    // Which of two would count is for each reader to say, so nobody is asked.
    const id = `${role}/${key}`
    if (MATTERS.has(id)) {
      if (this.#seen.has(id)) this.fault = 'member-twice'
      this.#seen.add(id)
    }
    return this.fault === null
  }

  text(bytes: Uint8Array, start: number, end: number, offset: number, escaped: boolean): void {
    if (this.#skipped > 0 || this.fault !== null) return
    const key = this.#key
    switch (this.#roles.at(-1)) {
      case 'metadata':
        if (key === 'name') this.#target.name = textOf(bytes, start, end, escaped)
        else if (key === 'namespace') this.#target.namespace = textOf(bytes, start, end, escaped)
        else if (key === 'uid') this.#target.uid = textOf(bytes, start, end, escaped)
        else if (key === 'resourceVersion') this.#target.resourceVersion = textOf(bytes, start, end, escaped)
        return
      case 'labels':
        this.#target.labels.set(key, textOf(bytes, start, end, escaped))
        return
      case 'object':
        if (key === 'kind') this.#kind = textOf(bytes, start, end, escaped)
        else if (key === 'apiVersion') this.#apiVersion = textOf(bytes, start, end, escaped)
        return
      case 'event':
        if (key !== 'type' || escaped) this.fault = 'form-not-filtered'
        this.#type = textOf(bytes, start, end, escaped)
        this.#typeAt = offset
        return
      case 'list':
        if (key !== 'kind' && key !== 'apiVersion') this.fault = 'form-not-filtered'
        return
      default:
        this.#bare()
    }
  }

  number(_bytes: Uint8Array, start: number, end: number, offset: number): void {
    if (this.#skipped > 0 || this.fault !== null) return
    // How many there are beyond this page tells of what is hidden; null is what is not there (Go, Python, Java).
    if (this.#roles.at(-1) === 'list-metadata' && this.#key === 'remainingItemCount')
      this.#edits.push({ start: offset, end: offset + end - start, text: 'null' })
    this.#bare()
  }

  literal(value: 'true' | 'false' | 'null', offset: number): void {
    if (this.#skipped > 0 || this.fault !== null) return
    const role = this.#roles.at(-1)
    if (role === 'list' && value === 'null') return
    if (role === 'object' && this.#key === 'columnDefinitions' && value === 'null') {
      this.#columns = { start: offset, end: offset + 4, isFull: false }
    }
    this.#bare()
  }

  /** A value that is no container: nothing that could be judged, where objects are expected. */
  #bare(): void {
    const role = this.#roles.at(-1)
    if (role === 'rows' && this.#roles.at(-2) !== 'list') this.#hasOddRows = true
    else if (role === undefined || role === 'items' || role === 'rows' || role === 'list' || role === 'event')
      this.fault = 'form-not-filtered'
  }

  #roleOf(isObject: boolean, offset: number): Role | null {
    const key = this.#key
    const around = this.#roles.at(-1)
    switch (around) {
      case undefined:
        if (!isObject) break
        if (this.#options.form === 'list') return 'list'
        this.#begin(offset)
        return this.#options.form === 'watch' ? 'event' : 'object'
      case 'list':
        if ((key === 'items' || key === 'rows') && !isObject) {
          this.#pass(offset + 1)
          this.#elements = 0
          this.#passed = 0
          return key
        }
        if (key === 'metadata' && isObject) return 'list-metadata'
        if (key === 'columnDefinitions' && !isObject) return null
        break
      case 'items':
        if (!isObject) break
        this.#begin(offset)
        return 'object'
      case 'rows':
        if (!isObject) {
          this.#bare()
          return null
        }
        if (this.#roles.at(-2) === 'list') this.#begin(offset)
        this.#row = noRow()
        this.#seen.delete('row/object')
        return 'row'
      case 'row':
        if (key !== 'object' || !isObject) return null
        this.#row.objectStart = offset
        this.#target = this.#row.facts
        this.#seen.delete('row-object/metadata')
        return 'row-object'
      case 'event':
        if (key === 'object' && isObject) return 'object'
        break
      case 'object':
        if (key === 'metadata' && isObject) return this.#metadata()
        // In an object of a list rows are somebody's own field.
        if (this.#roles.at(-2) === 'items') return null
        if (key === 'rows' && !isObject) return 'rows'
        if (key === 'columnDefinitions' && !isObject) this.#columnsStart = offset
        return null
      case 'row-object':
        return key === 'metadata' && isObject ? this.#metadata() : null
      case 'metadata':
        return key === 'labels' && isObject ? 'labels' : null
      default:
        return null
    }
    this.fault = 'form-not-filtered'
    return null
  }

  #metadata(): Role {
    for (const key of IDENTITY) this.#seen.delete(`metadata/${key}`)
    return 'metadata'
  }

  /** Another element: an object, a row, an event. */
  #begin(offset: number): void {
    this.#start = offset
    this.#seen.clear()
    this.#facts = noFacts()
    this.#target = this.#facts
    this.#rows = []
    this.#hasOddRows = false
    this.#kind = ''
    this.#apiVersion = ''
    this.#type = ''
    this.#columns = null
  }

  #sawColumns(end: number, isFull: boolean): void {
    this.#columns = { start: this.#columnsStart, end, isFull: isFull && end - this.#columnsStart > 2 }
    this.#columnsStart = 0
  }

  #isShown(facts: ObjectFacts): boolean {
    return facts.name !== '' && this.#options.shows(facts)
  }

  get #isTable(): boolean {
    return this.#kind === 'Table' && this.#apiVersion.startsWith('meta.k8s.io/')
  }

  /** Of a list: with the comma before it, unless it is the first that passes. */
  #element(end: number): void {
    const [row] = this.#rows
    const isShown = this.#isShown(row === undefined ? this.#facts : row.facts)
    const isFirst = this.#elements++ === 0
    if (!isShown) {
      this.hidden++
      this.#stretch.take(end)
      return
    }
    this.#bareRows()
    const from = this.#stretch.start
    const bytes = this.#stretch.take(end)
    const cut = isFirst || this.#passed > 0 ? 0 : bytes.indexOf(0x2c) + 1
    this.#passed++
    this.#emit(bytes, from, cut)
  }

  #single(end: number): void {
    const all = this.#isTable ? this.#rows.map(row => row.facts) : [this.#facts]
    if (this.#isTable && (this.#hasOddRows || all.length === 0)) this.fault = 'form-not-filtered'
    else if (!all.every(facts => this.#isShown(facts))) this.fault = 'object-hidden'
    if (this.fault !== null) return
    if (this.#isTable) this.#bareRows()
    this.#pass(end)
  }

  #event(end: number): void {
    const from = this.#stretch.start
    const start = this.#start
    const isTable = this.#isTable
    if (isTable && (this.#hasOddRows || this.#rows.length !== 1)) this.fault = 'form-not-filtered'
    const facts = isTable ? (this.#rows[0]?.facts ?? this.#facts) : this.#facts
    const telling = this.#telling(facts)
    if (telling === null || this.fault !== null) return
    const bytes = this.#stretch.take(end)
    const columns = this.#columns
    if (telling === 'nothing' || telling === 'gone') {
      this.hidden++
      if (columns?.isFull === true)
        this.#keptColumns = bytes.subarray(columns.start - from, columns.end - from)
      if (telling === 'gone') this.#out.push(Buffer.from(`${this.#gone(facts, isTable)}\n`))
      return
    }
    if (telling === 'ADDED') {
      this.#edits.push({ start: this.#typeAt, end: this.#typeAt + this.#type.length, text: 'ADDED' })
    }
    if (isTable) {
      if (columns?.isFull === true) this.#keptColumns = null
      else if (columns !== null && this.#keptColumns !== null) {
        this.#edits.push({ start: columns.start, end: columns.end, text: this.#keptColumns })
        this.#keptColumns = null
      }
      this.#bareRows()
    }
    this.#emit(bytes, from, start - from)
    this.#out.push(NEWLINE)
  }

  #telling(facts: ObjectFacts): 'as-it-is' | 'ADDED' | 'gone' | 'nothing' | null {
    switch (this.#type) {
      case 'ADDED':
      case 'MODIFIED':
      case 'DELETED': {
        const telling = this.#shown.tell(this.#type, facts, this.#isShown(facts))
        if (telling === null) this.fault = 'watch-too-large'
        return telling
      }
      // How far the watch has come; it holds no object.
      case 'BOOKMARK':
        if (facts.name === '') return 'as-it-is'
        break
      case 'ERROR':
        if (this.#kind === 'Status') return 'as-it-is'
        break
      default:
    }
    this.fault = 'form-not-filtered'
    return null
  }

  /** That an object has gone, and nothing of what it is now: that may not be seen any more. */
  #gone({ name, namespace, uid, resourceVersion }: ObjectFacts, isTable: boolean): string {
    const metadata = { name, ...(namespace === '' ? {} : { namespace }), uid, resourceVersion }
    if (!isTable) {
      const object = { kind: this.#kind, apiVersion: this.#apiVersion, metadata }
      return JSON.stringify({ type: 'DELETED', object })
    }
    const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata }
    const object = {
      kind: 'Table',
      apiVersion: this.#apiVersion,
      metadata: { resourceVersion },
      columnDefinitions: null,
      rows: [{ cells: [name], object: this.#options.bareRows ? null : partial }],
    }
    return JSON.stringify({ type: 'DELETED', object })
  }

  #bareRows(): void {
    if (!this.#options.bareRows) return
    for (const { objectStart, objectEnd } of this.#rows)
      if (objectEnd > 0) this.#edits.push({ start: objectStart, end: objectEnd, text: 'null' })
  }

  /** What stands up to `end` leaves. */
  #pass(end: number): void {
    const from = this.#stretch.start
    this.#emit(this.#stretch.take(end), from, 0)
  }

  /** `bytes` begin at `from` in the stream; those before `cut` stay. */
  #emit(bytes: Buffer, from: number, cut: number): void {
    const edits = this.#edits
    let at = cut
    if (edits.length > 0) {
      edits.sort((a, b) => a.start - b.start)
      for (const { start, end, text } of edits) {
        this.#out.push(bytes.subarray(at, start - from), typeof text === 'string' ? Buffer.from(text) : text)
        at = end - from
      }
      this.#edits = []
    }
    if (at < bytes.length) this.#out.push(at === 0 ? bytes : bytes.subarray(at))
  }

  #take(): Uint8Array[] {
    const out = this.#out
    // What is handed out is the caller's: it must not fill up later.
    this.#out = []
    return out.length < 2 ? out : [Buffer.concat(out)]
  }
}

const IDENTITY = ['name', 'namespace', 'uid', 'resourceVersion', 'labels'] as const

/** Members that decide, by what they are members of. */
const MATTERS: ReadonlySet<string> = new Set([
  ...IDENTITY.map(key => `metadata/${key}`),
  'object/metadata',
  'row-object/metadata',
  'object/kind',
  'object/apiVersion',
  'object/rows',
  'object/columnDefinitions',
  'row/object',
  'event/type',
  'event/object',
])

function noRow(): Row {
  return { facts: noFacts(), objectStart: 0, objectEnd: 0 }
}

function textOf(bytes: Uint8Array, start: number, end: number, escaped: boolean): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8')
  return escaped ? (JSON.parse(`"${text}"`) as string) : text
}
