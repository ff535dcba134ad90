import type { Person } from '../audit/person.ts'
import type { PersonDocument } from '../documents/schema/person.ts'
import { compileGlobList, type GlobList } from '../policy/glob.ts'

/** Whether two accounts belong to one human, as documents of kind Person say. */
export type Linked = (one: Person, other: Person) => boolean

/** Also the accounts behind a machine count: who started a CI run is that run, as far as approvals go. */
export function linkAccounts(documents: readonly PersonDocument[]): Linked {
  const people: GlobList[] = documents.map(({ spec }) =>
    compileGlobList(spec.accounts.map(name => name.toLowerCase())),
  )
  return (one, other) =>
    people.some(accounts => namesOf(one).some(owned(accounts)) && namesOf(other).some(owned(accounts)))
}

function owned(accounts: GlobList): (name: string) => boolean {
  return name => accounts.has(name.toLowerCase())
}

function namesOf({ username, startedBy = [] }: Person): readonly string[] {
  return [username, ...startedBy]
}
