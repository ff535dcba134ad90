/**
 * Writes src/kubernetes/protobuf/fields.json: for each Kubernetes message its protobuf field numbers and, beside
 * them, what Go's JSON encoder does with the field. Both halves are read from the API modules in the Go module
 * cache: numbers and types from generated.proto, JSON names, inlining, omitempty and pointers from the Go structs.
 * Nothing is written by hand; what the two halves do not agree on ends the run.
 *
 *   node scripts/protobuf-fields.ts            write the table
 *   node scripts/protobuf-fields.ts --check    exit 1 when the committed table differs
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type GoField, type GoPackage, readGoPackage } from './protobuf-fields/go-structs.ts'
import { type ProtoField, readProto } from './protobuf-fields/proto-files.ts'

const MODULES = [
  { path: 'k8s.io/api', roots: ['.'] },
  {
    path: 'k8s.io/apimachinery',
    roots: ['pkg/apis/meta', 'pkg/runtime', 'pkg/util/intstr', 'pkg/api/resource'],
  },
  { path: 'k8s.io/apiextensions-apiserver', roots: ['pkg/apis/apiextensions'] },
  { path: 'k8s.io/kube-aggregator', roots: ['pkg/apis/apiregistration'] },
  { path: 'k8s.io/metrics', roots: ['pkg/apis'] },
]

/** Types whose JSON form is code in Go (MarshalJSON), not tags: the decoder knows each by this name. */
const SPECIAL = new Set([
  'meta/v1.Time',
  'meta/v1.MicroTime',
  'meta/v1.Duration',
  'meta/v1.FieldsV1',
  'resource.Quantity',
  'intstr.IntOrString',
  'runtime.RawExtension',
  'apiextensions/v1.JSON',
  'apiextensions/v1.JSONSchemaPropsOrArray',
  'apiextensions/v1.JSONSchemaPropsOrBool',
  'apiextensions/v1.JSONSchemaPropsOrStringArray',
  'apiextensions/v1beta1.JSON',
  'apiextensions/v1beta1.JSONSchemaPropsOrArray',
  'apiextensions/v1beta1.JSONSchemaPropsOrBool',
  'apiextensions/v1beta1.JSONSchemaPropsOrStringArray',
])
/** Registered as kinds (meta/v1 register.go) without carrying their own type. */
const WITHOUT_TYPE_META = new Set(['meta/v1.WatchEvent'])
/** Have MarshalJSON, but are never part of a request body. */
const NEVER_IN_BODIES = new Set(['runtime.encodable', 'runtime.Unknown', 'meta/v1.GroupVersion'])

const SCALARS: Record<string, string> = {
  string: 's',
  bytes: 'y',
  bool: 'b',
  int32: 'i',
  int64: 'l',
  double: 'd',
}
const REPEATED = 1
const MAP = 2
const OMITEMPTY = 4
const POINTER = 8
const OMITZERO = 16

interface Message {
  readonly name: string
  readonly pkg: GoPackage
  readonly proto: readonly ProtoField[]
}

const testbed = new URL('../testbed/', import.meta.url).pathname
const target = new URL('../src/kubernetes/protobuf/fields.json', import.meta.url).pathname

function moduleDir(path: string): { dir: string; version: string } {
  const line = execFileSync('go', ['list', '-m', '-f', '{{.Dir}}', path], {
    cwd: testbed,
    encoding: 'utf8',
  }).trim()
  const version = /@(v[^/]+)$/.exec(line)?.[1]
  if (version === undefined)
    throw new Error(`${path} is not in the module cache; run: go mod download (in testbed)`)
  return { dir: line, version }
}

function* protoFiles(dir: string): Generator<string> {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (entry.name === 'testapigroup' || entry.name === 'testdata' || entry.name === 'testing') continue
    if (entry.isDirectory()) yield* protoFiles(join(dir, entry.name))
    else if (entry.name === 'generated.proto') yield join(dir, entry.name)
  }
}

/** `k8s.io.api.core.v1` becomes `core/v1`, `k8s.io.apimachinery.pkg.api.resource` becomes `resource`. */
function shortPackage(name: string): string {
  const parts = name.split('.')
  const last = parts.at(-1)!
  return /^v\d/.test(last) ? `${parts.at(-2)}/${last}` : last
}

const sources: string[] = []
const moduleDirs = new Map<string, string>()
const messages = new Map<string, Message>()
for (const module of MODULES) {
  const { dir, version } = moduleDir(module.path)
  sources.push(`${module.path} ${version}`)
  moduleDirs.set(module.path, dir)
  for (const root of module.roots) {
    for (const file of protoFiles(join(dir, root))) {
      const proto = readProto(readFileSync(file, 'utf8'))
      const pkg = readGoPackage(join(file, '..'))
      for (const [name, fields] of proto.messages) {
        messages.set(`${proto.package}.${name}`, {
          name: `${shortPackage(proto.package)}.${name}`,
          pkg,
          proto: fields,
        })
      }
      for (const type of pkg.customJson) {
        const known = `${shortPackage(proto.package)}.${type}`
        if (!SPECIAL.has(known) && !NEVER_IN_BODIES.has(known))
          throw new Error(`${known} has a MarshalJSON of its own that the decoder does not know`)
      }
    }
  }
}

/** Full names of the kinds, then of whatever they are made of, each once. */
const order = reachable()
const indexOf = new Map(order.map((name, index) => [name, index]))

function reachable(): string[] {
  const found = new Set<string>()
  const waiting = [...messages.keys()].filter(full => kindName(messages.get(full)!) !== undefined)
  for (let full = waiting.pop(); full !== undefined; full = waiting.pop()) {
    if (found.has(full)) continue
    found.add(full)
    for (const field of messages.get(full)?.proto ?? []) {
      if (SCALARS[field.type] === undefined) waiting.push(fullName(field.type, full))
    }
  }
  return [...found].sort()
}

function fullName(type: string, from: string): string {
  return type.startsWith('.') ? type.slice(1) : `${from.slice(0, from.lastIndexOf('.'))}.${type}`
}

/** `apps/v1/Deployment` or `v1/Pod`; undefined for what cannot stand at the top of a body. */
function kindName(message: Message): string | undefined {
  const local = message.name.slice(message.name.indexOf('.') + 1)
  const version = /\/(v\d[^.]*)\./.exec(message.name)?.[1]
  if (version === undefined || message.pkg.group === undefined) return undefined
  if (structOf(message.pkg, local)?.isKind !== true && !WITHOUT_TYPE_META.has(message.name)) return undefined
  return message.pkg.group === '' ? `${version}/${local}` : `${message.pkg.group}/${version}/${local}`
}

function typeCode(type: string, from: string): string | number {
  const scalar = SCALARS[type]
  if (scalar !== undefined) return scalar
  const index = indexOf.get(fullName(type, from))
  if (index === undefined) throw new Error(`${from} refers to ${type}, which no module defines`)
  return index
}

/** The struct behind a message, through aliases into other packages; undefined for wrapped lists. */
function structOf(pkg: GoPackage, type: string): { fields: readonly GoField[]; isKind: boolean } | undefined {
  const fields = pkg.structs.get(type)
  if (fields !== undefined) return { fields, isKind: pkg.kinds.has(type) }
  const alias = pkg.aliases.get(type)
  if (alias === undefined) return undefined
  for (const [path, dir] of moduleDirs) {
    if (!alias.importPath.startsWith(`${path}/`)) continue
    return structOf(readGoPackage(join(dir, alias.importPath.slice(path.length))), alias.type)
  }
  throw new Error(`${type} is defined in ${alias.importPath}, which is none of the modules read`)
}

type Row = (string | number)[]

function row(field: ProtoField, go: GoField, from: string): Row {
  let flags = 0
  if (field.label === 'repeated') flags |= REPEATED
  if (field.label === 'map') flags |= MAP
  if (go.omitempty) flags |= OMITEMPTY
  if (go.omitzero) flags |= OMITZERO
  if (go.type.startsWith('*')) flags |= POINTER
  if (field.label === 'map' && field.key !== 'string')
    throw new Error(`${from}.${field.name} has keys of type ${field.key}`)
  if (go.type.startsWith('*[') || go.type.startsWith('*map'))
    throw new Error(`${from}.${go.name} is a pointer to a collection`)
  return [field.number, go.inline ? '' : go.json, typeCode(field.type, from), flags]
}

/** A Go slice type that protobuf must wrap in a message, such as authentication's ExtraValue. */
function isWrappedList(message: Message): boolean {
  return (
    message.proto.length === 1 && message.proto[0]!.name === 'items' && message.proto[0]!.label === 'repeated'
  )
}

const table = order.map(full => {
  const message = messages.get(full)!
  const local = message.name.slice(message.name.indexOf('.') + 1)
  const go = structOf(message.pkg, local)?.fields
  if (SPECIAL.has(message.name)) {
    // Carried as plain rows for the decoder; the JSON form is the decoder's.
    return {
      n: message.name,
      x: 1,
      f: message.proto.map(f => [
        f.number,
        f.name,
        typeCode(f.type, full),
        f.label === 'repeated' ? REPEATED : 0,
      ]),
    }
  }
  if (go === undefined) {
    if (isWrappedList(message))
      return { n: message.name, w: 1, f: [[1, 'items', typeCode(message.proto[0]!.type, full), REPEATED]] }
    throw new Error(`${message.name} has no Go struct`)
  }
  const byNumber = new Map(message.proto.map(f => [f.number, f]))
  const rows: Row[] = []
  for (const field of go) {
    if (field.number === 0) continue
    const proto = byNumber.get(field.number)
    if (proto === undefined)
      throw new Error(`${message.name}.${field.name} is field ${field.number}, which its .proto lacks`)
    byNumber.delete(field.number)
    if (field.json === '-') continue
    rows.push(row(proto, field, full))
  }
  if (byNumber.size > 0)
    throw new Error(`${message.name}: no Go field for ${[...byNumber.keys()].join(', ')}`)
  return { n: message.name, f: rows }
})

const kinds: Record<string, number> = {}
for (const [index, full] of order.entries()) {
  const kind = kindName(messages.get(full)!)
  if (kind !== undefined) kinds[kind] = index
}

const text = `{"source":${JSON.stringify(sources)},
"generator":"scripts/protobuf-fields.ts",
"kinds":{
${Object.entries(kinds)
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([k, v]) => `${JSON.stringify(k)}:${v}`)
  .join(',\n')}
},
"messages":[
${table.map(m => JSON.stringify(m)).join(',\n')}
]}
`
JSON.parse(text)

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error(
      'src/kubernetes/protobuf/fields.json is not what the Go modules say; run: node scripts/protobuf-fields.ts',
    )
    process.exitCode = 1
  }
} else {
  writeFileSync(target, text)
}
console.log(
  `${table.length} messages, ${Object.keys(kinds).length} kinds, ${text.length} bytes, from ${sources.join(', ')}`,
)
