import type { LocatedDocument } from '../../documents/parse.ts'
import type { Problem } from '../../documents/problem.ts'
import type { MaskingRuleSpec, MaskingRulesDocument } from '../../documents/schema/masking-rules.ts'
import { didYouMean } from '../../documents/suggest.ts'
import { readablePath } from '../../documents/validate-document.ts'
import type { Path } from '../../documents/yaml-source.ts'
import { compileMasking } from './compile.ts'
import { SHIPPED_NAME, shippedDocument } from './defaults.ts'
import type { Detectors } from './detectors.ts'
import { exemptionProblems } from './exemption-problems.ts'
import { fieldProblems } from './field-problems.ts'
import { shadowedRules } from './shadowed-rules.ts'

/** Says what is wrong at a place of a rule or an exemption. */
export type Report = (path: Path, message: string, severity?: Problem['severity']) => void

/**
 * What keeps masking rules from being compiled, and what they probably do not mean. Other documents are passed over, so
 * this is a `validate` of `createDocuments`. Pure.
 */
export function maskingProblems(
  documents: readonly LocatedDocument<{ kind: string }>[],
  detectors: Detectors,
): Problem[] {
  const located = documents.filter(isMaskingRules)
  const problems: Problem[] = []
  const names = new Map<string, string>(
    shippedDocument.spec.rules!.map(rule => [rule.name, `a shipped rule has this name`]),
  )
  const reports = located.map(
    (d): Report =>
      (path, message, severity = 'error') =>
        problems.push({ file: d.file, ...d.locate(path), path: readablePath(path), message, severity }),
  )
  located.forEach(({ document }, d) => {
    const report = reports[d]!
    if (document.metadata.name === SHIPPED_NAME) {
      report(['metadata', 'name'], `${SHIPPED_NAME} is the name of the built-in rules`)
    }
    document.spec.rules?.forEach((rule, i) => {
      const path = ['spec', 'rules', i]
      const taken = names.get(rule.name)
      if (taken !== undefined) report([...path, 'name'], taken)
      else names.set(rule.name, `${document.metadata.name} has a rule of this name too`)
      ruleProblems(rule, (p, ...rest) => report([...path, ...p], ...rest), detectors)
    })
  })
  const all = located.map((d, i) => ({ document: d.document, report: reports[i]! }))
  exemptionProblems(all, [...names.keys()])
  if (problems.some(p => p.severity === 'error')) return problems
  shadowedRules(all)
  try {
    compileMasking(
      located.map(d => d.document),
      detectors,
    )
  } catch (error) {
    // Nothing that we have a name for; but a set that cannot be compiled must not take effect.
    const message = `cannot be compiled: ${error instanceof Error ? error.message : 'unknown error'}`
    reports[0]?.(['spec'], message)
  }
  return problems
}

export function isMaskingRules(
  d: LocatedDocument<{ kind: string }>,
): d is LocatedDocument<MaskingRulesDocument> {
  return d.document.kind === 'MaskingRules'
}

function ruleProblems(rule: MaskingRuleSpec, report: Report, detectors: Detectors): void {
  fieldProblems(rule, report)
  rule.detectors?.forEach((name, i) => {
    if (detectors.names.has(name)) return
    report(['detectors', i], `there is no detector ${name}${didYouMean(name, detectors.names)}`)
  })
  rule.patterns?.forEach(({ regex, maximumLength }, i) => {
    const refused = detectors.checkOwnPattern(regex, maximumLength)
    if (refused !== null) report(['patterns', i, 'regex'], refused)
  })
  for (const place of ['keys', 'env'] as const) {
    rule[place]?.forEach((pattern, i) => {
      if (/^\*+$/.test(pattern)) {
        report([place, i], 'would take every value for a secret: name something')
      } else if (
        rule.action === 'partial' &&
        !pattern.includes('*') &&
        detectors.tellTale(pattern) !== undefined
      ) {
        const message = `values of ${pattern} are hidden whole by a shipped rule, which comes first: partial shows nothing there`
        report([place, i], message, 'warning')
      }
    })
  }
}
