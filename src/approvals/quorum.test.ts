import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Quorum, Requirement } from '../policy/requirement.ts'
import { isMet } from './quorum.ts'

const requirement = (quorums: readonly Quorum[]): Requirement => ({
  quorums,
  ...{ deadline: 1, grantFor: null, reason: false },
})

test('without quorums one approver is enough, and none is not', () => {
  assert.equal(isMet(requirement([]), []), false)
  assert.equal(isMet(requirement([]), [[]]), true)
})

test('two of one group take two people', () => {
  const two = requirement([{ groups: ['oncall'], count: 2, rule: 0 }])
  assert.equal(isMet(two, [[0]]), false)
  assert.equal(isMet(two, [[0], [0]]), true)
})

test('a person in both groups stands in one of the two places, whichever leaves room for the others', () => {
  const both = requirement([
    { groups: ['oncall'], count: 1, rule: 0 },
    { groups: ['security'], count: 1, rule: 0 },
  ])
  assert.equal(isMet(both, [[0, 1]]), false)
  assert.equal(isMet(both, [[0, 1], [0]]), true)
  assert.equal(isMet(both, [[0, 1], [1]]), true)
  assert.equal(isMet(both, [[0], [0]]), false)
})

test('one person may stand for several rules', () => {
  const rules = requirement([
    { groups: ['oncall'], count: 1, rule: 0 },
    { groups: ['oncall'], count: 1, rule: 1 },
  ])
  assert.equal(isMet(rules, [[0, 1]]), true)
  assert.equal(isMet(rules, [[0]]), false)
})

test('as trying every seating says', () => {
  const quorum = fc.record({ count: fc.integer({ min: 1, max: 2 }), rule: fc.integer({ min: 0, max: 1 }) })
  const people = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 2 })), { maxLength: 5 })
  fc.assert(
    fc.property(fc.array(quorum, { minLength: 1, maxLength: 3 }), people, (quorums, approvers) => {
      assert.equal(isMet(requirement(quorums), approvers), bySeating(quorums, approvers))
    }),
    { numRuns: 300 },
  )
})

/** Each rule on its own: some way to give every seat a person of its own. */
function bySeating(quorums: readonly Quorum[], approvers: readonly (readonly number[])[]): boolean {
  if (approvers.length === 0) return false
  const fits = (seats: readonly number[], free: readonly (readonly number[])[]): boolean => {
    const [seat, ...rest] = seats
    if (seat === undefined) return true
    return free.some((one, i) => one.includes(seat) && fits(rest, free.toSpliced(i, 1)))
  }
  return [0, 1].every(rule =>
    fits(
      quorums.flatMap((one, i) => (one.rule === rule ? Array<number>(one.count).fill(i) : [])),
      approvers,
    ),
  )
}
