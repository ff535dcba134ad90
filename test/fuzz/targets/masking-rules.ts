import assert from 'node:assert/strict'
import { parseDocuments } from '../../../src/documents/parse.ts'
import { errorsOf } from '../../../src/documents/problem.ts'
import type { Principal } from '../../../src/identity/principal.ts'
import type { Finding, MaskDirection } from '../../../src/masking/contract.ts'
import { compileMasking } from '../../../src/masking/rules/compile.ts'
import { describeMasking } from '../../../src/masking/rules/describe.ts'
import { shippedDetectors } from '../../../src/masking/rules/detectors.ts'
import { isMaskingRules, maskingProblems } from '../../../src/masking/rules/problems.ts'
import type { Random } from '../../parity/random.ts'
import { mutate } from '../mutate.ts'
import { eachByItself, type FuzzTarget } from '../target.ts'

/** Mostly what a person would write, so that much of it is compiled and asked; now and then something else. */
const PATTERNS = ['ORDER-[0-9]{8}', 'key_[a-z]{4,40}', '(?:ab|cd)X[0-9A-F]{2,16}', 'pin=[0-9]{4}']
const ODD_PATTERNS = [
  '(a+)+b',
  'a*',
  '(?=x)',
  '[',
  'ab(cd){1,4000}',
  '\\\\1',
  '(a|a){30}bc',
  'x{0,99999}',
  '\u0000',
]
const PATHS = [
  'spec.number',
  'data.*',
  'spec.items[*].pin',
  "metadata.annotations['a']",
  'status',
  'a["b.c"]',
]
const ODD_PATHS = ['', '..', 'kind', 'metadata.uid', '*', 'a[0]', 'data.a.b', `a${'.b'.repeat(40)}`, 'a["*"]']
const WORDS = [
  ...PATTERNS,
  ...ODD_PATTERNS,
  ...PATHS,
  '    - name: x\n',
  '  exemptions:\n',
  'principals: {users: ["*"]}',
  'action: partial',
  'partial: {last: 4}',
  'rules: ["*"]',
  'fingerprints: true',
  '["',
  '"]',
  '{',
  '}',
  '[',
  ']',
  ', ',
  '*',
  '\n',
  '\t',
  '---\n',
  '\u0000',
  '\ufeff',
  '&a',
  '*a',
]

function oneOf(random: Random, good: readonly string[], odd: readonly string[]): string {
  return random.chance(0.03) ? random.pick(odd) : random.pick(good)
}

function list(random: Random, good: readonly string[], odd: readonly string[]): string {
  return JSON.stringify(Array.from({ length: 1 + random.below(3) }, () => oneOf(random, good, odd)))
}

const PEOPLE = [
  '{ users: ["corp:*"] }',
  '{ groups: [a] }',
  '{ kinds: [person] }',
  '{ serviceAccounts: ["a:a"] }',
]

function ruleOf(random: Random, name: string): string {
  const parts = [`name: ${name}`]
  const add = (probability: number, text: () => string): void => {
    if (random.chance(probability)) parts.push(text())
  }
  const fields = (): string =>
    `fields: [{apiGroups: ${list(random, ['', 'x.example.com', '*'], ['v1'])}, kinds: ${list(random, ['Card', 'Secret', '*'], ['SecretList', 'secrets'])}, paths: ${list(random, PATHS, ODD_PATHS)}${random.chance(0.3) ? `, encoding: ${oneOf(random, ['base64', 'text'], ['gzip'])}` : ''}}]`
  add(0.5, fields)
  add(0.5, () => `keys: ${list(random, ['pin', '*code', 'PAN'], ['*', ''])}`)
  add(0.2, () => `env: ${list(random, ['*_PIN'], ['**'])}`)
  add(0.2, () => `detectors: ${list(random, ['iban', 'card-number', 'jwt'], ['no'])}`)
  add(0.3, () => `patterns: [{regex: ${JSON.stringify(oneOf(random, PATTERNS, ODD_PATTERNS))}}]`)
  add(0.1, () => 'fingerprints: true')
  add(0.2, () => (random.chance(0.5) ? 'action: partial, partial: {last: 4}' : 'action: fingerprint'))
  add(
    0.3,
    () =>
      `scope: {namespaces: ${list(random, ['a', 'b*', '*'], [''])}, principals: ${oneOf(random, PEOPLE, ['{}'])}}`,
  )
  return `    - {${parts.join(', ')}}\n`
}

function exemptionOf(random: Random, name: string): string {
  const rules = list(random, ['secret-data', 'r*', 'env'], ['*', 'no-such'])
  const ends = random.chance(0.5) ? `, expires: ${oneOf(random, ['2026-01-31T00:00:00Z'], ['2h'])}` : ''
  const where = random.chance(0.4) ? ', namespaces: [a]' : ''
  return `    - {name: ${name}, reason: why, rules: ${rules}, principals: ${oneOf(random, PEOPLE, ['{users: ["*"]}'])}${where}${ends}}\n`
}

function textOf(random: Random): string {
  const rules = Array.from({ length: 1 + random.below(3) }, (_, i) =>
    ruleOf(random, random.chance(0.97) ? `r${i}` : 'secret-data'),
  )
  const exemptions = Array.from({ length: random.below(3) }, (_, i) => exemptionOf(random, `e${i}`))
  const head = 'apiVersion: sallyport.dev/v1\nkind: MaskingRules\nmetadata: {name: d}\nspec:\n'
  const second = exemptions.length === 0 ? '' : `  exemptions:\n${exemptions.join('')}`
  return `${head}  rules:\n${rules.join('')}${second}`
}

const alice: Principal = {
  issuer: 'i',
  subject: 's',
  kind: 'person',
  username: 'corp:alice',
  groups: ['a'],
  authentication: { method: 'oidc', provider: 'corp', validUntil: 0, credentialDigest: '' },
}

/** Texts in which the patterns above nearly match, often. */
const SAMPLES = [
  `ORDER-1234567 ${'ORDER-12345678 '.repeat(50)}`,
  `${'a'.repeat(5_000)}b ${'ab'.repeat(2_000)}X0F pin=12345`,
  'card 4111 1111 1111 1111, DE89370400440532013000',
]

/** Either problems, each with its place, or rules that answer every question in bounded time. */
function look(input: Buffer): string {
  const text = input.toString('utf8')
  const { documents, problems } = parseDocuments([{ file: 'd.yaml', text }])
  const all = [...problems, ...maskingProblems(documents, shippedDetectors)]
  const lines = text.split('\n').length
  for (const { line, column, message } of all) {
    assert.ok(Number.isInteger(line) && line >= 1 && line <= lines + 1, `line ${line} of ${lines}`)
    assert.ok(Number.isInteger(column) && column >= 1, `column ${column}`)
    assert.ok(message.length > 0 && message.length < 3_000)
    assert.ok(!message.startsWith('cannot be compiled'), `no name for what is wrong: ${message}`)
  }
  if (errorsOf(all).length > 0) return 'problems'
  const found = documents.filter(isMaskingRules).map(d => d.document)
  const masking = compileMasking(found, shippedDetectors)
  describeMasking(masking, 0)
  for (const direction of ['response', 'request', 'trail'] satisfies MaskDirection[]) {
    for (const namespace of ['', 'a', 'b1']) {
      const scope = { connection: 'prod', principal: alice, namespace, direction, now: 1_767_225_600_000 }
      const rules = masking.for(scope)
      assert.equal(masking.for(scope), rules, 'another answer the second time')
      assert.ok(direction === 'response' || rules.exempt.length === 0, 'exempt in the trail')
      assert.ok(rules.exempt.includes('secret-data') || rules.fields('', 'Secret').length >= 2)
      for (const name of ['pin', 'PAN', 'barcode', 'X_PIN', '', '__proto__']) {
        rules.key(name)
        rules.env(name)
      }
      for (const sample of SAMPLES) {
        const findings: Finding[] = []
        rules.text.find(sample, findings)
        let behind = 0
        for (const { start, end } of findings) {
          assert.ok(start >= behind && end > start && end <= sample.length)
          behind = end
        }
      }
    }
  }
  return found.length === 0 ? 'no rules' : 'answers'
}

export const target: FuzzTarget = {
  name: 'masking-rules',
  batch: 20,
  generate(random, corpus) {
    const base = corpus.length > 0 && random.chance(0.1) ? random.pick(corpus) : Buffer.from(textOf(random))
    return random.chance(0.5) ? base : mutate(base, random, WORDS)
  },
  open: async () => eachByItself(look),
}
