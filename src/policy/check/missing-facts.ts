import type { PolicyRule } from '../../documents/schema/policy.ts'
import { touchedVerbs } from '../effects.ts'
import { resourceVerbs } from '../vocabulary.ts'

const WITH_BODY: ReadonlySet<string> = new Set(['create', 'update', 'patch'])
const READS: ReadonlySet<string> = new Set(['get', 'list', 'watch', 'head'])

/** Fields that some or all requests of a rule do not have: what then counts is said, so that nobody is surprised. */
export function missingFacts(
  rule: PolicyRule,
): { readonly path: readonly string[]; readonly message: string }[] {
  const { match, effect } = rule
  const found: { path: readonly string[]; message: string }[] = []
  const verbs = verbsOf(rule)
  const without = verbs.filter(verb => !WITH_BODY.has(verb))
  const asksBody = rule.when !== undefined && /\baction\s*\.\s*body\b/.test(rule.when)
  const guarded = rule.when !== undefined && /\bhas\s*\(\s*action\s*\.\s*body\b/.test(rule.when)
  const asksImages = rule.when !== undefined && /\baction\s*\.\s*images\b/.test(rule.when)
  const look = (path: readonly string[], what: string): void => {
    if (without.length === 0) return
    const list = without.slice(0, 5).join(', ')
    if (effect !== 'allow') {
      const then = effect === 'limit' ? 'they are counted' : 'the rule counts as met'
      found.push({ path, message: `${list} have no ${what}, and then ${then}: name verbs that have one` })
    } else if (without.length === verbs.length) {
      found.push({ path, message: `${list} have no ${what}: the rule covers nothing` })
    }
  }
  if (match.images !== undefined) look(['match', 'images'], 'images')
  if (asksImages) look(['when'], 'images')
  else if (asksBody && !guarded) look(['when'], 'body')
  if (match.dryRun !== undefined && verbs.length > 0 && verbs.every(verb => READS.has(verb))) {
    const then = match.dryRun ? 'the rule covers nothing' : 'it says nothing'
    found.push({ path: ['match', 'dryRun'], message: `a read is never a dry run: ${then}` })
  }
  if (match.admin !== undefined && match.client?.commands !== undefined) {
    const then = effect === 'allow' ? 'the rule covers nothing' : 'the rule counts as met'
    const message = `what is done to Sallyport itself has no Kubectl-Command: ${then}`
    found.push({ path: ['match', 'client', 'commands'], message })
  }
  return found
}

/** Verbs of the requests that a rule is about; of one that stops something also those that amount to them. */
function verbsOf({ match, effect }: PolicyRule): readonly string[] {
  if (match.admin !== undefined || match.nonResourceURLs !== undefined) return []
  if (match.verbs === undefined || match.verbs.includes('*')) return resourceVerbs
  return effect === 'allow' ? match.verbs : [...touchedVerbs(match.verbs)].filter(verb => verb !== 'head')
}
