import type { FingerprintFinder, MaskRule } from '../contract.ts'

/**
 * The values seen so far, as a set of rules wants them treated: under its rule, or not looked for where an exemption
 * has switched that off. What is learned is for everybody, so it is learned in any case.
 */
export function underRule(finder: FingerprintFinder, rule: MaskRule | null): FingerprintFinder {
  const learn: FingerprintFinder['learn'] = (...facts) => finder.learn(...facts)
  if (rule === null)
    return { changes: 0, mayHold: () => false, find: () => undefined, match: () => undefined, learn }
  return {
    get changes() {
      return finder.changes
    },
    mayHold: (bytes, start, end) => finder.mayHold(bytes, start, end),
    find(text, found) {
      const before = found.length
      finder.find(text, found)
      for (let i = before; i < found.length; i++) found[i] = { ...found[i]!, rule }
    },
    match: value => (finder.match(value) === undefined ? undefined : rule),
    learn,
  }
}
