import { printable } from '../../audit/sentence.ts'

/** `Name:  value` lines, aligned; absent values leave no line. */
export function factLines(facts: readonly (readonly [name: string, value: string | undefined])[]): string {
  const present = facts.filter(
    (fact): fact is readonly [string, string] => fact[1] !== undefined && fact[1] !== '',
  )
  const width = present.reduce((most, [name]) => Math.max(most, name.length), 0)
  return present.map(([name, value]) => `${`${name}:`.padEnd(width + 2)} ${printable(value)}`).join('\n')
}
