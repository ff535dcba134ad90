import type { LocatedDocument } from '../../documents/parse.ts'
import type { Problem } from '../../documents/problem.ts'
import type { IdentityProviderDocument } from '../../documents/schema/identity-provider.ts'
import { isPolicy, problemAt } from './policy-problems.ts'

/** Claims that rules look at and that no identity provider of the same sources carries along: never known. */
export function uncarriedClaims(documents: readonly LocatedDocument<{ kind: string }>[]): Problem[] {
  const providers = documents.filter(
    (d): d is LocatedDocument<IdentityProviderDocument> => d.document.kind === 'IdentityProvider',
  )
  if (providers.length === 0) return []
  const carried = new Set(providers.flatMap(p => p.document.spec.oidc.carriedClaims ?? []))
  return documents.filter(isPolicy).flatMap(located =>
    (located.document.spec.rules ?? []).flatMap((rule, i) =>
      Object.keys(rule.match.principals?.claims ?? {})
        .filter(claim => !carried.has(claim))
        .map(claim => {
          const path = ['spec', 'rules', i, 'match', 'principals', 'claims']
          const message = `no identity provider carries the claim ${claim}: name it in carriedClaims`
          return problemAt(located, path, message, 'warning')
        }),
    ),
  )
}
