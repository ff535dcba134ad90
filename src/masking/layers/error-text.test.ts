import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { plausible } from '../detect/plausible.ts'
import { JsonMasker } from '../json/json-masker.ts'
import { createMaskEngine } from '../json/mask-engine.ts'
import { createPlaceholders } from '../placeholder.ts'
import { compileMasking } from '../rules/compile.ts'
import { shippedDetectors } from '../rules/detectors.ts'

const rules = compileMasking([], shippedDetectors).trail
const engine = createMaskEngine({
  rules,
  placeholders: createPlaceholders(Buffer.alloc(32, 1)),
  fingerprints: { mayHold: () => false, find: () => {}, match: () => undefined, learn: () => {} },
  plausible,
  fingerprintOf: value => hash('sha256', value, 'hex'),
})

/** What a caller reads of an error about an object of a kind: the message, and that of the only cause. */
function messageOf(message: string, group: string, kind: string): string {
  const causes = [{ reason: 'FieldValueInvalid', message, field: 'x' }]
  const status = { kind: 'Status', apiVersion: 'v1', message, details: { kind, causes }, code: 422 }
  const masker = new JsonMasker(engine, { group, kind, sequence: false })
  const parts = [masker.push(Buffer.from(JSON.stringify(status))), masker.end()]
  assert.equal(masker.fault, null)
  const read = JSON.parse(Buffer.concat(parts.flatMap(part => part.bytes)).toString())
  const strip = (text: string): string =>
    text
      .replace(/sallyport\.masked\.([a-z-]+)\.[0-9a-f]+/g, '<$1>')
      .replace(/c2FsbHlwb3J0[\w=]{72}/g, '<base64>')
  assert.equal(strip(read.details.causes[0].message), strip(read.message))
  return strip(read.message)
}

const refused = (quoted: string): string =>
  `"" is invalid: patch: Invalid value: ${quoted}: json: cannot unmarshal`

test('an object that an error quotes is masked by the rules of its kind', () => {
  const object = { apiVersion: 'v1', data: { motd: 'aHVudGVyMg==' }, immutable: 'yes', kind: 'Secret' }
  const message = messageOf(refused(JSON.stringify(JSON.stringify(object))), '', 'Secret')
  assert.ok(!message.includes('aHVudGVyMg'), message)
  assert.match(
    message,
    /^"" is invalid: patch: Invalid value: "\{\\"apiVersion\\":\\"v1\\",\\"data\\":\{\\"motd\\":\\"<base64>\\"\},\\"immutable\\":\\"yes\\",\\"kind\\":\\"Secret\\"\}": json: cannot unmarshal$/,
  )
})

test('an object without quotes around it, and a part of one, as well', () => {
  const template =
    '{"spec":{"containers":[{"name":"a","env":[{"name":"DB_PASSWORD","value":"hunter two"}]}]}}'
  assert.equal(
    messageOf(
      `Job.batch "a" is invalid: spec.template: Invalid value: ${template}: field is immutable`,
      'batch',
      'Job',
    ),
    `Job.batch "a" is invalid: spec.template: Invalid value: ${template.replace('hunter two', '<env>')}: field is immutable`,
  )
  const data = messageOf('data: Invalid value: {"a":"aHVudGVyMg=="}: no', '', 'Secret')
  assert.match(data, /^data: Invalid value: \{"a":"<base64>"\}: no$/)
})

test('a value is masked by the field or the name that its path ends in', () => {
  assert.equal(
    messageOf(
      '[spec.password: Invalid value: "hun\\"ter2": too short, spec.size: Invalid value: 1000: too large]',
      'x',
      'Y',
    ),
    '[spec.password: Invalid value: "<key-name>": too short, spec.size: Invalid value: 1000: too large]',
  )
  assert.equal(
    messageOf('data[a]: Invalid value: "hunter2": no', '', 'Secret'),
    'data[a]: Invalid value: "<secret-data>": no',
  )
  assert.equal(
    messageOf('spec.containers[0].env[1].value: Invalid value: "hunter2": no', '', 'Pod'),
    'spec.containers[0].env[1].value: Invalid value: "<env>": no',
  )
  assert.equal(
    messageOf('spec.passwords[0]: Unsupported value: "hunter2": supported values: "a"', 'x', 'Y'),
    'spec.passwords[0]: Unsupported value: "<key-name>": supported values: "a"',
  )
})

test('what is said of an ordinary field stays', () => {
  for (const [message, group, kind] of [
    ['Secret "a" is invalid: type: Invalid value: "another": field is immutable', '', 'Secret'],
    ['spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"', 'x', 'Y'],
    ['spec.selector: Invalid value: {"matchLabels":{"app":"x"}}: field is immutable', 'apps', 'Deployment'],
    ['spec.type: Unsupported value: "x": supported values: "ClusterIP", "NodePort"', '', 'Service'],
  ] as const)
    assert.equal(messageOf(message, group, kind), message)
})

test('what cannot be read of an object that has secrets is hidden to its end', () => {
  for (const quoted of [
    '"map[data:map[motd:hunter2]]": cannot',
    '"{\\"data\\":{\\"motd\\":\\"hunter2',
    '"{\\x00hunter2}": cannot',
    'core.Secret{Data:map[string][]uint8{"motd":hunter2}}: field is immutable',
    'map[motd:hunter2]: no',
    '{"data":{"motd":"hunter2"',
  ])
    assert.ok(!messageOf(refused(quoted), '', 'Secret').includes('hunter2'), quoted)
  const old =
    'json: error found in #10 byte of ...|:{"motd":"hunter2"}|..., bigger context ...|{"motd":"hunter2"|...'
  assert.ok(!messageOf(old, '', 'Secret').includes('hunter2'))
})

test('the difference of two pods shows no value of a variable that tells, by either of its names', () => {
  const diff = (...lines: string[]): string =>
    `spec: Forbidden: pod updates may not\n@@ -1,7 +1,7 @@\n${lines.join('\n')}\n`
  const cases = [
    diff('     {', '      "Name": "DB_PASSWORD",', '-     "Value": "hunter2",', '+     "Value": "hunter2 ",'),
    diff('     {', '-     "Name": "DB_PASSWORD",', '+     "Name": "MOTD",', '      "Value": "hunter2",'),
    diff('      "Value": "hunter2",', '      "ValueFrom": null'),
  ]
  for (const message of cases) {
    const shown = messageOf(message, '', 'Pod')
    assert.ok(!shown.includes('hunter2') && shown.includes('"Value": "<env>"'), shown)
  }
  const open = diff('      "Name": "LANG",', '-     "Value": "de",', '+     "Value": "en",')
  assert.equal(messageOf(open, '', 'Pod'), open)
})

test('a text made of beginnings is read in a moment', () => {
  const started = process.cpuUsage().user
  for (const piece of [
    'x: Invalid value: {',
    'x: Invalid value: "',
    '@@ "Name": "',
    '...|',
    'Not found: map[',
  ])
    messageOf(piece.repeat(5_000), '', 'Pod')
  assert.ok(process.cpuUsage().user - started < 10_000_000)
})
