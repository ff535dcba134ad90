import type { LocatedDocument } from '../../documents/parse.ts'
import type { Problem } from '../../documents/problem.ts'
import type { PolicyDocument } from '../../documents/schema/policy.ts'
import { readablePath } from '../../documents/validate-document.ts'
import type { Path } from '../../documents/yaml-source.ts'
import { compileCondition } from '../condition/compile-condition.ts'
import { useProblems } from '../presets/expand.ts'

/**
 * What keeps policies from being compiled: conditions that are not CEL, and names that are taken. Other documents are
 * passed over, so this is a `validate` of `createDocuments` as it stands.
 */
export function policyProblems(documents: readonly LocatedDocument<{ kind: string }>[]): Problem[] {
  return documents
    .filter(isPolicy)
    .flatMap(located => [
      ...reservedName(located),
      ...conditionProblems(located),
      ...useProblems(located.document).map(({ at, message }) =>
        problemAt(located, ['spec', 'use', at], message, 'error'),
      ),
    ])
}

export function isPolicy(d: LocatedDocument<{ kind: string }>): d is LocatedDocument<PolicyDocument> {
  return d.document.kind === 'Policy'
}

function reservedName(located: LocatedDocument<PolicyDocument>): Problem[] {
  if (located.document.metadata.name !== 'defaults') return []
  const message = 'defaults is the name of the built-in policy'
  return [problemAt(located, ['metadata', 'name'], message, 'error')]
}

function conditionProblems(located: LocatedDocument<PolicyDocument>): Problem[] {
  return (located.document.spec.rules ?? []).flatMap((rule, i) => {
    if (rule.when === undefined) return []
    const compiled = compileCondition(rule.when)
    if (!('errors' in compiled)) return []
    const path = ['spec', 'rules', i, 'when']
    return compiled.errors.map(
      ({ line, column, message }): Problem => ({
        file: located.file,
        ...located.locateText(path, line, column),
        path: readablePath(path),
        message,
        severity: 'error',
      }),
    )
  })
}

export function problemAt(
  located: LocatedDocument<PolicyDocument>,
  path: Path,
  message: string,
  severity: Problem['severity'],
): Problem {
  return { file: located.file, ...located.locate(path), path: readablePath(path), message, severity }
}
