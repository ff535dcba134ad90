import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rawClassifier } from '../../scripts/classify.ts'
import { disagreements, rebuilt } from './compare.ts'
import { tricks } from './corpus.ts'
import { askOracle, buildOracle } from './oracle.ts'
import { recordedBytes, recordedRequests } from './recorded.ts'

test('every known trick is refused by name, or means to the oracle what it means to us', async () => {
  const classify = rawClassifier()
  const oracle = await buildOracle()
  const requests = tricks.map(({ raw }) => Buffer.from(raw, 'latin1'))
  const answers = await askOracle(oracle, requests)
  const accepted = []
  for (const [index, { n, raw, becomes }] of tricks.entries()) {
    const result = await classify(requests[index]!)
    assert.equal(result.refused ? result.check : 'accepted', becomes, `${n}: ${JSON.stringify(raw)}`)
    if (result.refused) continue
    assert.deepEqual(disagreements(result, answers[index]!), [], n)
    accepted.push(result)
  }
  const rebuiltAnswers = await askOracle(oracle, accepted.map(rebuilt))
  for (const [index, result] of accepted.entries())
    assert.deepEqual(disagreements(result, rebuiltAnswers[index]!), [], `${result.target}, rebuilt`)
  console.log(`parity: ${tricks.length} hand-written requests as expected`)
})

test('every request recorded from real clients is accepted and classified as the oracle does', async () => {
  const classify = rawClassifier()
  const recorded = recordedRequests()
  const requests = recorded.map(recordedBytes)
  const oracle = await buildOracle()
  const answers = await askOracle(oracle, requests)
  const counts = new Map<string, number>()
  const accepted = []
  for (const [index, { client, method, target }] of recorded.entries()) {
    const result = await classify(requests[index]!)
    assert.ok(!result.refused, `${client}: ${method} ${target}: ${result.refused && result.check}`)
    assert.deepEqual(disagreements(result, answers[index]!), [], `${client}: ${method} ${target}`)
    accepted.push(result)
    counts.set(client, (counts.get(client) ?? 0) + 1)
  }
  const rebuiltAnswers = await askOracle(oracle, accepted.map(rebuilt))
  for (const [index, result] of accepted.entries())
    assert.deepEqual(disagreements(result, rebuiltAnswers[index]!), [], `${result.target}, rebuilt`)
  for (const [client, count] of counts)
    console.log(`parity: ${count} different requests recorded from ${client}`)
  assert.ok(counts.size >= 4, 'several clients')
})
