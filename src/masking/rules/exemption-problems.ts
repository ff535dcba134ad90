import type { ExemptionSpec, MaskingRulesDocument } from '../../documents/schema/masking-rules.ts'
import { didYouMean } from '../../documents/suggest.ts'
import { compileGlob } from '../../policy/glob.ts'
import type { Report } from './problems.ts'

interface Reported {
  readonly document: MaskingRulesDocument
  readonly report: Report
}

/** What exemptions must not do, and what they probably do not mean. `names` are those of all rules. */
export function exemptionProblems(documents: readonly Reported[], names: readonly string[]): void {
  const forEverybody = new Set<string>()
  for (const { document, report } of documents) {
    document.spec.exemptions?.forEach((exemption, i) => {
      const path = ['spec', 'exemptions', i]
      exemption.rules.forEach((pattern, r) => {
        const { matches } = compileGlob(pattern)
        if (names.some(matches)) return
        const message = `there is no rule ${pattern}${didYouMean(pattern, names)}`
        report([...path, 'rules', r], message, 'warning')
      })
      if (!isForEverybody(exemption)) return
      for (const name of names) {
        if (exemption.rules.some(pattern => compileGlob(pattern).matches(name))) forEverybody.add(name)
      }
      // Split over several exemptions it is the same.
      if (exemption.rules.includes('*') || names.every(name => forEverybody.has(name))) {
        report(path, 'switches off all masking for everybody: name whom, which rules, or where')
      }
    })
  }
}

const KINDS = ['person', 'serviceaccount', 'job', 'role', 'agent'] as const

/** Everywhere and for whoever asks. An end does not help: until then nothing is masked. */
function isForEverybody({ principals, connections, namespaces }: ExemptionSpec): boolean {
  if (connections !== undefined && !connections.some(isAll)) return false
  if (namespaces !== undefined && !namespaces.some(isAll)) return false
  const { users, groups, serviceAccounts, kinds } = principals
  if (kinds !== undefined && !KINDS.every(kind => kinds.includes(kind))) return false
  if (users === undefined && groups === undefined && serviceAccounts === undefined) return true
  return users?.some(isAll) === true || groups?.some(isAll) === true
}

function isAll(pattern: string): boolean {
  return /^\*+$/.test(pattern)
}
