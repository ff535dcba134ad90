import assert from 'node:assert/strict'
import { test } from 'node:test'
import { policyDocumentSchema } from '../documents/schema/policy.ts'
import { joinRequirements, requirementOf } from './requirement.ts'

const MINUTE = 60_000

function fault(approval: object): string | undefined {
  const match = { principals: { users: ['*'] }, verbs: ['delete'] }
  const document = {
    ...{ apiVersion: 'sallyport.dev/v1', kind: 'Policy', metadata: { name: 'p' } },
    spec: { rules: [{ name: 'r', effect: 'hold', match, approval }] },
  }
  return policyDocumentSchema.safeParse(document).error?.issues[0]?.message
}

test('people are reminded after four tenths of the deadline, when the rule says, or never', () => {
  assert.equal(requirementOf({ approval: { deadline: '30m' } }).remindAfter, 12 * MINUTE)
  assert.equal(requirementOf({ approval: { remindAfter: '5m' } }).remindAfter, 5 * MINUTE)
  assert.equal(requirementOf({ approval: { remindAfter: 'never' } }).remindAfter, undefined)
})

test('of several rules all must let the glass be broken or a burst pass; the first reminder counts', () => {
  const open = requirementOf({
    approval: { breakGlass: { groups: ['corp:sre'] }, burst: 'kubectl-command', remindAfter: '5m' },
  })
  const other = requirementOf({ approval: { breakGlass: { users: ['corp:boss'], for: '5m' } } })
  const closed = requirementOf({})
  assert.equal(joinRequirements([open]).burst, true)
  assert.equal(joinRequirements([open, other]).breakGlass?.length, 2)
  const joined = joinRequirements([open, closed])
  assert.deepEqual([joined.breakGlass, joined.burst, joined.remindAfter], [undefined, undefined, 5 * MINUTE])
})

test('what would open too much, or nothing, is refused with its reason', () => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ breakGlass: {} }, /must say who/],
    [{ breakGlass: { groups: ['*'], for: '2h' } }, /1m to 1h/],
    [{ breakGlass: { groups: ['*'], review: '5m' } }, /1h to 168h/],
    [{ page: true, breakGlass: { groups: ['corp:sre'] } }, /beside page/],
    [{ approvers: [{ count: 1, escalate: [{ after: '5m', groups: ['a'] }] }] }, /name groups or users/],
    [{ approvers: [{ groups: ['a'], escalate: [{ after: '5m' }] }] }, /to whom/],
    [{ burst: 'always' }, /kubectl-command/],
  ]
  for (const [approval, words] of wrong) assert.match(fault(approval) ?? '', words, JSON.stringify(approval))
  assert.equal(fault({ breakGlass: { groups: ['corp:sre'] }, burst: 'kubectl-command' }), undefined)
})
