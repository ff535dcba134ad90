import type { Person } from '../audit/person.ts'
import { principalKey } from '../identity/principal.ts'
import type { ApiCaller } from './services.ts'

type Owner = Pick<Person, 'issuer' | 'subject'>

/** Of a list, what belongs to the caller. */
export function ofCaller<T>(
  all: readonly T[],
  { principal }: Pick<ApiCaller, 'principal'>,
  ownerOf: (one: T) => Owner,
): readonly T[] {
  const key = principalKey(principal)
  return all.filter(one => principalKey(ownerOf(one)) === key)
}
