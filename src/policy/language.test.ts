import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseDocuments } from '../documents/parse.ts'
import { formatProblem } from '../documents/problem.ts'
import { checkPolicies } from './check/check-policies.ts'
import { compilePolicies } from './compile.ts'
import { defaultsDocument, describeDefaults } from './defaults.ts'
import { readPreset } from './presets/read-preset.ts'
import { riskClasses } from './risk-classes.ts'
import { runPolicyTests } from './testing/run-policy-tests.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/policy/language.md'), 'utf8')
const blocks = [...page.matchAll(/^```yaml(?: (\w+))?\n([\s\S]*?)^```$/gm)].map(m => ({
  kind: m[1],
  text: m[2]!,
  line: page.slice(0, m.index).split('\n').length,
}))

test('the page has examples, each of them a policy followed by its test', () => {
  assert.ok(blocks.length >= 10)
  blocks.forEach((b, i) => {
    assert.equal(b.kind, i % 2 === 0 ? 'policy' : 'test', `line ${b.line}`)
  })
})

for (let i = 0; i < blocks.length; i += 2) {
  const policy = blocks[i]!
  test(`the example on line ${policy.line} is without fault and does what its test says`, () => {
    assert.deepEqual(checkPolicies([{ file: 'language.md', text: policy.text }]).map(formatProblem), [])
    const results = runPolicyTests([
      { file: 'policy', text: policy.text },
      { file: 'test', text: blocks[i + 1]!.text },
    ])
    assert.ok(results.length > 0)
    assert.deepEqual(
      results.filter(r => !r.ok),
      [],
    )
  })
}

test('the table of risk classes is the one of the engine', () => {
  const table = /<!-- classes -->\n([\s\S]*?)<!-- \/classes -->/.exec(page)![1]!
  const expected = riskClasses.map(c => `| \`${c.name}\` | ${c.about} | ${c.ordinary ? 'ordinary ' : ''}|`)
  assert.deepEqual(table.trimEnd().split('\n'), expected)
})

test('the built-in policy and the preset can be written down and read again', () => {
  const shown = parseDocuments([{ file: 'defaults', text: describeDefaults() }])
  assert.deepEqual(shown.problems, [])
  assert.deepEqual(JSON.parse(JSON.stringify(shown.documents[0]!.document)), defaultsDocument)
  const local = parseDocuments([{ file: 'local', text: readPreset('local') }])
  assert.deepEqual(local.problems, [])
  assert.ok(compilePolicies(local.documents.map(d => d.document as never)).rules.length > 4)
})
