import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDocuments } from '../documents/parse.ts'
import { isPolicy, policyProblems } from '../policy/check/policy-problems.ts'
import { unapprovableHolds } from '../policy/check/unapprovable-holds.ts'
import { presetNames, readPreset } from '../policy/presets/read-preset.ts'
import { presetsPolicy } from './configuration.ts'

test('every preset can be switched on beside the policies of up, and what it holds can be approved', () => {
  const text = readPreset('local') + presetsPolicy([...presetNames, 'no-node-proxy'])
  const { documents, problems } = parseDocuments([{ file: 'up.yaml', text }])
  assert.deepEqual([...problems, ...policyProblems(documents)], [])
  assert.deepEqual(unapprovableHolds(documents.filter(isPolicy)), [])
  const presets = documents.find(d => d.document.metadata.name === 'presets')!.document
  assert.ok(presets.kind === 'Policy' && presets.spec.use?.length === presetNames.length)
})

test('without a preset nothing is added, an unknown one is an error', () => {
  assert.equal(presetsPolicy([]), '')
  assert.throws(() => presetsPolicy(['local']), /no such preset/)
})
