import { readFileSync } from 'node:fs'

/**
 * The built-in Kubernetes types as `scripts/protobuf-fields.ts` reads them from the API modules: protobuf numbers
 * beside what Go's JSON encoder does. `fields.json` names its source and versions.
 */
export type ScalarType = 'string' | 'bytes' | 'bool' | 'int32' | 'int64' | 'double'

export interface FieldSpec {
  readonly number: number
  /** Name in JSON; empty when the members of this message stand in its parent (Go's `json:",inline"`). */
  readonly name: string
  /** The name as JSON text with its colon. */
  readonly label: string
  readonly scalar: ScalarType | null
  readonly message: MessageSpec | null
  readonly repeated: boolean
  /** A map with string keys; `scalar` or `message` describe its values. */
  readonly map: boolean
  readonly omitempty: boolean
  readonly omitzero: boolean
  /** Absent is nil (omitted or null) rather than the zero value. */
  readonly pointer: boolean
}

export interface MessageSpec {
  /** `core/v1.Pod`: package and Go type. */
  readonly name: string
  /** `struct` follows the fields; `list` is a bare JSON array of its one field; `special` has a JSON form of its own. */
  readonly form: 'struct' | 'list' | 'special'
  /** In the order of the Go struct. */
  readonly fields: readonly FieldSpec[]
  /** Position in `fields` by field number; -1 for numbers that the message lacks. */
  readonly positions: readonly number[]
}

interface Table {
  readonly source: readonly string[]
  readonly kinds: Readonly<Record<string, number>>
  readonly messages: readonly {
    readonly n: string
    readonly w?: 1
    readonly x?: 1
    readonly f: readonly (readonly [number, string, string | number, number])[]
  }[]
}

const SCALARS: Record<string, ScalarType> = {
  s: 'string',
  y: 'bytes',
  b: 'bool',
  i: 'int32',
  l: 'int64',
  d: 'double',
}

interface Types {
  readonly source: readonly string[]
  readonly kinds: ReadonlyMap<string, MessageSpec>
  readonly structNames: ReadonlySet<string>
}

let loaded: Types | undefined

/** Read once, at the first request that needs it. */
function types(): Types {
  loaded ??= compile(JSON.parse(readFileSync(new URL('./fields.json', import.meta.url), 'utf8')) as Table)
  return loaded
}

/** Modules and versions that the table was made from. */
export function tableSource(): readonly string[] {
  return types().source
}

/** Every kind of the table as `group/version/Kind` or `version/Kind`. */
export function builtInKinds(): IterableIterator<string> {
  return types().kinds.keys()
}

/**
 * The type of a built-in kind. `apiVersion` is `group/version` or `version`. The kinds of requests and answers
 * (DeleteOptions, Status) belong to `v1` as well, and DeleteOptions to every group version (Go's AddToGroupVersion).
 */
export function messageOf(apiVersion: string, kind: string): MessageSpec | undefined {
  const { kinds } = types()
  const own = kinds.get(`${apiVersion}/${kind}`)
  if (own !== undefined || (apiVersion !== 'v1' && kind !== 'DeleteOptions')) return own
  return kinds.get(`meta.k8s.io/v1/${kind}`)
}

/** Every name that a field of a built-in type has in JSON (names inside of maps are not among them). */
export function structFieldNames(): ReadonlySet<string> {
  return types().structNames
}

function compile(table: Table): Types {
  type Open = { -readonly [K in keyof MessageSpec]: MessageSpec[K] }
  const messages: Open[] = table.messages.map(m => ({
    name: m.n,
    form: m.x === 1 ? 'special' : m.w === 1 ? 'list' : 'struct',
    fields: [],
    positions: [],
  }))
  const structNames = new Set<string>(['apiVersion', 'kind'])
  for (const [index, message] of messages.entries()) {
    message.fields = table.messages[index]!.f.map(([number, name, type, flags]) => {
      if (message.form === 'struct' && name !== '') structNames.add(name)
      return {
        number,
        name,
        label: `${JSON.stringify(name)}:`,
        scalar: typeof type === 'string' ? SCALARS[type]! : null,
        message: typeof type === 'number' ? messages[type]! : null,
        repeated: (flags & 1) !== 0,
        map: (flags & 2) !== 0,
        omitempty: (flags & 4) !== 0,
        pointer: (flags & 8) !== 0,
        omitzero: (flags & 16) !== 0,
      }
    })
    const highest = Math.max(0, ...message.fields.map(f => f.number))
    const positions = new Array<number>(highest + 1).fill(-1)
    for (const [position, field] of message.fields.entries()) positions[field.number] = position
    message.positions = positions
  }
  const kinds = new Map(Object.entries(table.kinds).map(([name, index]) => [name, messages[index]!]))
  return { source: table.source, kinds, structNames }
}
