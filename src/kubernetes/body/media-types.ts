import type { ParsedRequest } from '../request/contract.ts'
import { type RefusedBody, refuseBody } from './contract.ts'

export type BodySyntax = 'json' | 'yaml' | 'apply-yaml' | 'protobuf'

export interface BodyForm {
  readonly name: 'object' | 'json-patch' | 'merge-patch' | 'strategic-merge-patch' | 'apply-patch'
  readonly syntax: BodySyntax
  /** Content-Type under which the judged bytes are sent on. */
  readonly forward: string
}

const JSON_TYPE = 'application/json'

const OBJECTS: ReadonlyMap<string, BodyForm> = new Map([
  [JSON_TYPE, { name: 'object', syntax: 'json', forward: JSON_TYPE }],
  ['application/yaml', { name: 'object', syntax: 'yaml', forward: JSON_TYPE }],
  ['application/vnd.kubernetes.protobuf', { name: 'object', syntax: 'protobuf', forward: JSON_TYPE }],
])

const PATCHES: ReadonlyMap<string, BodyForm> = new Map([
  same('json-patch', 'application/json-patch+json', 'json'),
  same('merge-patch', 'application/merge-patch+json', 'json'),
  same('strategic-merge-patch', 'application/strategic-merge-patch+json', 'json'),
  same('apply-patch', 'application/apply-patch+yaml', 'apply-yaml'),
])

function same(name: BodyForm['name'], type: string, syntax: BodySyntax): [string, BodyForm] {
  return [type, { name, syntax, forward: type }]
}

/**
 * The form that a declared type has with this method. `type` is in lower case without parameters. Without one a
 * body is JSON, as in apiserver's NegotiateInputSerializer; a patch must say what it is, there as here.
 */
export function formOf(method: ParsedRequest['method'], type: string | undefined): BodyForm | RefusedBody {
  const isPatch = method === 'PATCH'
  const form = (isPatch ? PATCHES : OBJECTS).get(type ?? (isPatch ? '' : JSON_TYPE))
  return form ?? refuseBody('content-type', advice(isPatch, type), 'media-type-unsupported')
}

function advice(isPatch: boolean, type: string | undefined): string {
  const wanted = [...(isPatch ? PATCHES : OBJECTS).keys()].join(', ')
  if (type === undefined) return `a patch says its kind in Content-Type: one of ${wanted}`
  if (type.includes('cbor')) return 'CBOR cannot be judged; let the client send application/json'
  return isPatch ? `a patch is one of ${wanted}` : `an object is one of ${wanted}`
}
