import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { toYaml } from '../../documents/canonical.ts'
import { parseDocuments } from '../../documents/parse.ts'
import { defaultDetectors, detectors } from '../detect/detectors.ts'
import { shippedDocument } from './defaults.ts'

/** The lines between two marks of a page of docs/masking. */
function marked(page: string, mark: string): string[] {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/masking', page), 'utf8')
  const found = new RegExp(`<!-- ${mark} -->\n([\\s\\S]*?)<!-- /${mark} -->`).exec(text)
  assert.ok(found, `${page} has no mark ${mark}`)
  return found[1]!.trimEnd().split('\n').slice(2)
}

const shipped = shippedDocument.spec.rules!
const familiesOf = (detector: string): string[] =>
  shipped.filter(r => r.detectors?.includes(detector)).map(r => r.name)

test('the table of shipped rules is what is shipped', () => {
  assert.deepEqual(
    marked('shipped-rules.md', 'rules'),
    shipped.map(r => `| \`${r.name}\` | ${r.description} | ${r.keep} | ${r.learn === true ? 'yes' : 'no'} |`),
  )
})

test('the table of detectors is that of the engine', () => {
  assert.deepEqual(
    marked('detectors.md', 'detectors'),
    [...detectors.values()].map(({ name, about, personal }) => {
      const family = personal ? 'none: data about people' : `\`${familiesOf(name)[0]}\``
      return `| \`${name}\` | ${about} | ${family} |`
    }),
  )
})

test('every detector of secrets is in exactly one shipped rule, and none of data about people', () => {
  for (const { name } of detectors.values()) {
    assert.equal(familiesOf(name).length, defaultDetectors.includes(name) ? 1 : 0, name)
  }
  for (const rule of shipped) for (const name of rule.detectors ?? []) assert.ok(detectors.has(name), name)
})

test('the shipped rules are a document like any other: written down, they read the same', () => {
  const { documents, problems } = parseDocuments([{ file: 'shipped', text: toYaml(shippedDocument) }])
  assert.deepEqual(problems, [])
  assert.deepEqual(JSON.parse(JSON.stringify(documents[0]!.document)), shippedDocument)
  assert.ok(shipped.every(r => r.description !== undefined && r.keep !== undefined))
})
