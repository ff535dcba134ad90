import type { MaskingRuleSpec } from '../../documents/schema/masking-rules.ts'
import { didYouMean } from '../../documents/suggest.ts'
import { groupsOf, knownGroups, knownResources } from '../../policy/vocabulary.ts'
import { shippedDocument } from './defaults.ts'
import { parsePath, pathsMeet } from './path.ts'
import type { Report } from './problems.ts'

type Fields = NonNullable<MaskingRuleSpec['fields']>[number]

/** Places that no object can have, and those that must not be masked. */
export function fieldProblems(rule: MaskingRuleSpec, report: Report): void {
  rule.fields?.forEach((fields, i) => {
    const at: Report = (path, ...rest) => report(['fields', i, ...path], ...rest)
    groupProblems(fields, at)
    kindProblems(fields, at)
    fields.paths.forEach((text, p) => {
      const parsed = parsePath(text)
      if ('error' in parsed) {
        at(['paths', p], `${parsed.error} (at character ${parsed.at + 1} of ${JSON.stringify(text)})`)
        return
      }
      const wrong = impossible(parsed.path, fields)
      if (wrong !== undefined) at(['paths', p], wrong)
      else if (rule.action === 'partial')
        uncovering(parsed.path, fields, message => at(['paths', p], message))
    })
  })
}

function groupProblems({ apiGroups }: Fields, at: Report): void {
  apiGroups.forEach((group, i) => {
    if (group === 'core' || group === 'v1') {
      at(['apiGroups', i], `the core group is written "", not ${group}`)
    } else if (group !== '*' && !knownGroups.has(group)) {
      const hint = didYouMean(group, knownGroups)
      // A group that looks like no built-in one is somebody's own.
      if (hint !== '') at(['apiGroups', i], `there is no built-in group ${group}${hint}`, 'warning')
    }
  })
}

function kindProblems({ kinds, apiGroups }: Fields, at: Report): void {
  kinds.forEach((kind, i) => {
    if (kind.endsWith('List') && kind !== 'List') {
      at(['kinds', i], `lists are looked at object by object: write ${kind.slice(0, -'List'.length)}`)
    } else if (knownResources.has(kind.toLowerCase()) && kind === kind.toLowerCase()) {
      at(['kinds', i], `${kind} is a resource; kinds are written like Secret, ConfigMap, Pod`)
    } else if (
      kind !== '*' &&
      !apiGroups.includes('*') &&
      !apiGroups.some(group => !knownGroups.has(group))
    ) {
      homeProblem(kind, apiGroups, message => at(['kinds', i], message, 'warning'))
    }
  })
}

/** Plural of built-in kinds: `Ingress` is served as `ingresses`, `NetworkPolicy` as `networkpolicies`. */
function homeProblem(kind: string, groups: readonly string[], warn: (message: string) => void): void {
  const lower = kind.toLowerCase()
  const plurals = [`${lower}s`, `${lower}es`, `${lower.replace(/y$/, 'ie')}s`, lower]
  const homes = [...new Set(plurals.flatMap(groupsOf))]
  if (homes.length === 0 || homes.some(home => groups.includes(home))) return
  warn(`${kind} is in group ${homes.map(h => JSON.stringify(h)).join(' or ')}, which apiGroups does not name`)
}

/** Members of ObjectMeta (k8s.io/apimachinery, meta/v1). */
const METADATA = new Set([
  'annotations',
  'creationTimestamp',
  'deletionGracePeriodSeconds',
  'deletionTimestamp',
  'finalizers',
  'generateName',
  'generation',
  'labels',
  'managedFields',
  'name',
  'namespace',
  'ownerReferences',
  'resourceVersion',
  'selfLink',
  'uid',
])

/** Of them, those whose values are free text of somebody's. The others tell objects apart: a client is lost without. */
const MASKABLE_METADATA = new Set(['annotations', 'labels'])

/** Built-in kinds that are not metadata, spec and status. */
const ROOTS: Readonly<Record<string, readonly string[]>> = {
  Secret: ['data', 'stringData', 'type', 'immutable'],
  ConfigMap: ['data', 'binaryData', 'immutable'],
  Pod: ['spec', 'status'],
  Deployment: ['spec', 'status'],
  StatefulSet: ['spec', 'status'],
  DaemonSet: ['spec', 'status'],
  ReplicaSet: ['spec', 'status'],
  Job: ['spec', 'status'],
  CronJob: ['spec', 'status'],
  Node: ['spec', 'status'],
  Ingress: ['spec', 'status'],
}

/** Kinds whose values under these members are text: nothing can be deeper. */
const FLAT: Readonly<Record<string, readonly string[]>> = {
  Secret: ['data', 'stringData'],
  ConfigMap: ['data', 'binaryData'],
}

function impossible(path: readonly string[], { kinds, apiGroups }: Fields): string | undefined {
  const [root, member] = path as [string, string?]
  if (path.every(step => step === '*')) return 'would take the whole object for a secret: name something'
  if (root === 'apiVersion' || root === 'kind')
    return `${root} cannot be masked: no client could read the object`
  if (root === 'metadata') {
    if (member === undefined || member === '*')
      return 'the whole of metadata cannot be masked: name labels or annotations'
    if (!METADATA.has(member)) return `no object has metadata.${member}${didYouMean(member, METADATA)}`
    if (!MASKABLE_METADATA.has(member)) {
      return `metadata.${member} cannot be masked: clients tell objects apart by it, and so does the way back`
    }
    return path.length > 3 ? `the values of metadata.${member} are text: nothing is deeper` : undefined
  }
  if (root === '*' || !apiGroups.every(group => knownGroups.has(group))) return undefined
  for (const kind of kinds) {
    const roots = Object.hasOwn(ROOTS, kind) ? ROOTS[kind]! : undefined
    if (roots === undefined) continue
    if (!roots.includes(root)) return `a ${kind} has no member ${root}${didYouMean(root, roots)}`
    if (Object.hasOwn(FLAT, kind) && FLAT[kind]!.includes(root) && path.length > 2)
      return `the values in ${root} of a ${kind} are text: nothing is deeper; a name with dots is written ["a.b"]`
  }
  return undefined
}

/** Part of a value that a shipped rule hides whole: that takes an exemption, which says for whom and why. */
function uncovering(
  path: readonly string[],
  { kinds, apiGroups }: Fields,
  complain: (message: string) => void,
): void {
  for (const rule of shippedDocument.spec.rules!) {
    for (const shipped of rule.fields ?? []) {
      if (!apiGroups.some(g => g === '*' || shipped.apiGroups.includes(g))) continue
      if (!kinds.some(k => k === '*' || shipped.kinds.includes(k))) continue
      const meets = shipped.paths.some(text => {
        const parsed = parsePath(text)
        return 'path' in parsed && pathsMeet(parsed.path, path)
      })
      if (!meets) continue
      complain(
        `the shipped rule ${rule.name} hides this whole in a ${shipped.kinds[0]}, and partial would show parts of it: take mask, fingerprint or drop`,
      )
      return
    }
  }
}
