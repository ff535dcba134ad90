import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { yamlToJson } from '../../src/kubernetes/body/yaml-to-json.ts'

const testbed = new URL('../../testbed/', import.meta.url).pathname
const program = new URL('./main.go', import.meta.url).pathname

const scalar = fc.oneof(
  fc.constantFrom(
    ...[
      'yes',
      'no',
      'on',
      'off',
      'y',
      'N',
      'true',
      'True',
      'FALSE',
      'null',
      '~',
      '',
      'Null',
      '.inf',
      '-.INF',
      '.nan',
      '0',
      '-0',
      '+1',
      '007',
      '0o17',
      '0x1F',
      '0b11',
      '1_000',
      '1e3',
      '1E400',
      '.5',
      '5.',
      '-.5e-3',
      '+.5',
      '1.10',
      '12345678901234567890',
      '18446744073709551616',
      '-9223372036854775809',
      '2001-01-01',
      '2001-12-14t21:59:43.10-05:00',
      '1:20',
      '190:20:30',
      '0.1',
      '01.5',
      '1__0',
      '_1',
      '0x',
      '1.2.3',
      'v1',
      '1e',
      'e1',
      '0b',
      '0_7',
      '=',
      '<<',
      '1Gi',
      '100m',
      "it's",
      'a#b',
      'a:b',
      '- a',
    ],
  ),
  fc.stringMatching(/^[-+0-9._eExXoObBaAfFyYnN:TtZ]{1,8}$/),
)
const quoted = fc.oneof(
  scalar.map(s => `"${s}"`),
  scalar.map(s => `'${s.replaceAll("'", "''")}'`),
)
const value = fc.oneof(scalar, scalar, quoted)
const document = fc.oneof(
  value.map(v => `a: ${v}\n`),
  fc.array(value, { minLength: 1, maxLength: 4 }).map(items => items.map(i => `- ${i}\n`).join('')),
  fc
    .array(fc.tuple(value, value), { minLength: 1, maxLength: 4 })
    .map(pairs => pairs.map(([k, v]) => `${k}: ${v}\n`).join('')),
  fc
    .array(value, { minLength: 1, maxLength: 4 })
    .map(
      items =>
        `a: [${items.join(', ')}]\nb:\n  c: |\n    ${items[0]}\n    x\n  d: >-\n    ${items[0]}\n    y\n`,
    ),
  fc
    .tuple(value, value)
    .map(([a, b]) => `# note\n---\na:\n- b: ${a}\n  c: {d: ${b}, "e": ${a}}\n- ${b} # note\n`),
)

/** Equal as values, with numbers compared exactly where they are integers. */
function exact(text: string): unknown {
  const numbers = (_key: string, v: unknown, context: { readonly source?: string }): unknown => {
    if (typeof v !== 'number') return v
    return /^-?\d+$/.test(context.source ?? '')
      ? `#${BigInt(context.source ?? '')}`
      : Number.isSafeInteger(v)
        ? `#${v}`
        : v
  }
  return JSON.parse(text, numbers as (key: string, v: unknown) => unknown)
}

test('YAML that is read is read as kube-apiserver reads it', t => {
  const documents = fc.sample(document, { numRuns: 6000, seed: 20261121 })
  const answers = execFileSync('go', ['run', program], {
    cwd: testbed,
    input: documents.map(d => `${JSON.stringify(d)}\n`).join(''),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  }).split('\n')
  let read = 0
  let refused = 0
  let ours12 = 0
  for (const [i, text] of documents.entries()) {
    const ours = yamlToJson(Buffer.from(text))
    if (ours.refused) {
      refused++
      continue
    }
    const theirs = answers[i]!
    // YAML 1.2 knows some texts that its 1.1 readers do not; what goes upstream is our JSON, so nothing is lost.
    if (theirs === 'error') {
      ours12++
      continue
    }
    read++
    assert.deepEqual(exact(ours.json.toString()), exact(theirs), JSON.stringify(text))
  }
  t.diagnostic(`${read} documents read alike, ${refused} refused here, ${ours12} not read upstream`)
  assert.ok(read > 2000)
})
