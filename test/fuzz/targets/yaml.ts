import assert from 'node:assert/strict'
import { yamlToJson } from '../../../src/kubernetes/body/yaml-to-json.ts'
import { readJson } from '../../../src/kubernetes/json/read-json.ts'
import type { Random } from '../../parity/random.ts'
import { mutate } from '../mutate.ts'
import { eachByItself, type FuzzTarget } from '../target.ts'

const SCALARS = [
  'a',
  'yes',
  'null',
  '~',
  '1',
  '0x1F',
  '1_000',
  '.inf',
  '2001-01-01',
  '"q"',
  "'s'",
  '"\\u0061"',
  '"\\x41"',
  '<<',
  '=',
  '*a',
  '&a b',
  '!!str 1',
  '!x y',
  '1:20',
  '|',
  '>',
  '-',
  '? a',
  '{a: 1}',
  '[1, 2]',
  'é',
  '"\\ud800"',
  '!!binary aGk=',
]
const WORDS = [
  '&a ',
  '*a',
  '<<: *a',
  '\n---\n',
  '\n...\n',
  '!!map ',
  '%YAML 1.1\n',
  '\t',
  '  ',
  '- ',
  ': ',
  '? ',
  '#',
  '|+2\n',
  '>-\n',
  '{',
  '}',
  '[',
  ']',
  ',',
  '"',
  "'",
  '\u0085',
  '\u2028',
  '\ufeff',
  '\u0000',
  'kind: Pod\n',
  '@',
  '`',
]

function textOf(random: Random, indent: string): string {
  const lines = Array.from({ length: 1 + random.below(4) }, () => {
    const key = random.pick(['kind', 'metadata', 'spec', 'a', 'b', random.pick(SCALARS)])
    if (indent.length < 8 && random.chance(0.35)) return `${indent}${key}:\n${textOf(random, `${indent}  `)}`
    if (random.chance(0.2)) return `${indent}- ${random.pick(SCALARS)}\n`
    return `${indent}${key}: ${random.pick(SCALARS)}\n`
  })
  return lines.join('')
}

/** What is read as YAML becomes JSON with one reading, the same each time, and not much larger. */
function look(input: Buffer): string {
  const read = yamlToJson(input)
  const again = yamlToJson(input)
  if (read.refused) {
    assert.ok(again.refused && again.check === read.check)
    assert.match(read.check, /^yaml-/)
    return read.check
  }
  assert.ok(!again.refused && Buffer.compare(again.json, read.json) === 0, 'two readings differ')
  const document = readJson(read.json)
  if ('refused' in document) {
    // YAML can say half a character, too; every body goes through the JSON reader afterwards, which refuses it.
    assert.equal(document.check, 'json-lone-surrogate', document.detail)
    return document.check
  }
  // No aliases are followed: what goes in bounds what comes out.
  assert.ok(read.json.length <= 64 + input.length * 8, `${input.length} bytes became ${read.json.length}`)
  return 'read'
}

export const target: FuzzTarget = {
  name: 'yaml',
  batch: 100,
  generate(random, corpus) {
    const base =
      corpus.length > 0 && random.chance(0.1) ? random.pick(corpus) : Buffer.from(textOf(random, ''))
    return random.chance(0.4) ? base : mutate(base, random, WORDS)
  },
  open: async () => eachByItself(look),
}
