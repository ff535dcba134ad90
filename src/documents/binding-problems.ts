import { bindingConditionErrors } from '../connections/binding-rule.ts'
import type { LocatedDocument } from './parse.ts'
import type { Problem } from './problem.ts'
import type { ConnectionDocument } from './schema/connection.ts'
import { readablePath } from './validate-document.ts'

/** Conditions of bindings that are not CEL, each at its place. A `validate` of `createDocuments`. */
export function bindingProblems(documents: readonly LocatedDocument<{ kind: string }>[]): Problem[] {
  return documents.filter(isConnection).flatMap(located =>
    (located.document.spec.bindings ?? []).flatMap((binding, i) => {
      if (binding.when === undefined) return []
      const path = ['spec', 'bindings', i, 'when']
      return bindingConditionErrors(binding.when).map(
        ({ line, column, message }): Problem => ({
          file: located.file,
          ...located.locateText(path, line, column),
          path: readablePath(path),
          message,
          severity: 'error',
        }),
      )
    }),
  )
}

function isConnection(d: LocatedDocument<{ kind: string }>): d is LocatedDocument<ConnectionDocument> {
  return d.document.kind === 'Connection'
}
