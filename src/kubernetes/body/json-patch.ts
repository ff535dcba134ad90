import type { JsonDocument, Node } from '../json/document.ts'
import { STRIDE } from '../json/document.ts'
import { type RefusedBody, refuseBody } from './contract.ts'

/** kube-apiserver stops at 10,000 operations (CVE-2019-1002100); real patches have a few. */
const MOST_OPERATIONS = 1000
const OPERATIONS: Readonly<Record<string, readonly string[]>> = Object.assign(Object.create(null), {
  add: ['op', 'path', 'value'],
  replace: ['op', 'path', 'value'],
  test: ['op', 'path', 'value'],
  remove: ['op', 'path'],
  move: ['op', 'path', 'from'],
  copy: ['op', 'path', 'from'],
})

/**
 * Checks the shape of a JSON patch (RFC 6902): each operation has what its kind needs and nothing else, so that policy sees
 * all of where a value comes from and goes to. (The RFC would ignore further members; no client writes any.)
 */
export function checkJsonPatch(document: JsonDocument): RefusedBody | null {
  if (!document.isArray(0)) return refuseBody('json-patch', 'a JSON patch is a list of operations')
  const end = document.after(0)
  let count = 0
  for (let at = document.first(0); at < end; at = document.after(at)) {
    if (++count > MOST_OPERATIONS) {
      return refuseBody(
        'json-patch-length',
        `a JSON patch has more than ${MOST_OPERATIONS} operations`,
        'request-too-large',
      )
    }
    const fault = checkOperation(document, at)
    if (fault !== null) return refuseBody('json-patch', `operation ${count} of the JSON patch ${fault}`)
  }
  return null
}

function checkOperation(document: JsonDocument, node: Node): string | null {
  const op = document.text(document.member(node, 'op'))
  const members = op === undefined ? undefined : OPERATIONS[op]
  if (members === undefined) return 'is none of add, remove, replace, move, copy, test'
  for (const name of members) {
    const value = document.member(node, name)
    if (value === undefined) return `has no ${name}`
    if (name === 'path' || name === 'from') {
      const pointer = document.text(value)
      // RFC 6901: empty for the whole document, else each part begins with a slash.
      if (pointer === undefined || (pointer !== '' && !pointer.startsWith('/')))
        return `has a ${name} that is no JSON pointer`
      if (/~(?![01])/.test(pointer)) return `has a ${name} that is no JSON pointer`
    }
  }
  const end = document.after(node)
  let count = 0
  for (let at = document.first(node); at < end; at = document.after(at + STRIDE)) count++
  return count === members.length ? null : 'has a member that its kind does not use'
}
