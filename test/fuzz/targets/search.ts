import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAuditIndex } from '../../../src/audit/index/open-index.ts'
import { openAuditLog } from '../../../src/audit/open.ts'
import type { AuditQuery, AuditRow } from '../../../src/audit/search/contract.ts'
import { body, recordCall } from '../../../src/audit/testing/calls.ts'
import type { Random } from '../../parity/random.ts'
import { mutate } from '../mutate.ts'
import { type Checker, eachByItself, type FuzzTarget } from '../target.ts'

const WORDS = [
  '"',
  "'",
  '*',
  '%',
  '_',
  ' OR ',
  ' AND ',
  ' NOT ',
  'NEAR(',
  ')',
  '^',
  ':',
  '-',
  '+',
  '--',
  ';',
  '/*',
  '\u0000',
  '\\',
  '{',
  'text:',
  "' OR 1=1 --",
  '"; DROP TABLE calls; --',
  'é',
  '😀',
  '\ud800',
  '\n',
  'web',
  'shop',
  'rowid',
  '()',
]
const FIELDS = [
  'principal',
  'connection',
  'session',
  'kind',
  'verb',
  'group',
  'resource',
  'subresource',
  'namespace',
  'name',
  'effect',
  'rule',
  'text',
  'after',
] as const
const VALUES = [
  'alice',
  'corp:alice',
  'prod',
  's-one',
  'k8s.request',
  'get',
  '',
  'pods',
  'shop',
  'web',
  'allow',
  'base/read',
  '5',
  '0',
  '999999999999999',
  '[1',
  '["https://idp.example","sub-alice"]',
]
const COLUMN: Readonly<Record<string, (row: AuditRow) => unknown>> = {
  connection: row => row.head.connection,
  session: row => row.session,
  kind: row => row.kind,
  verb: row => row.head.action?.verb,
  resource: row => row.head.action?.resource,
  namespace: row => row.head.action?.namespace,
  name: row => row.head.action?.name,
  effect: row => row.effect,
}

function queryOf(random: Random): string {
  const query: Record<string, unknown> = { limit: random.pick([1, 5, 100, 0, -1, 1e9, 2.5]) }
  for (let left = random.below(4); left > 0; left--) query[random.pick(FIELDS)] = random.pick(VALUES)
  if (random.chance(0.7))
    query.text = Array.from({ length: 1 + random.below(4) }, () => random.pick([...WORDS, ...VALUES])).join(
      random.pick([' ', '']),
    )
  if (random.chance(0.1)) query.code = random.pick([200, 403, -1])
  if (random.chance(0.1)) query.since = random.pick([0, 1e12, -5, 9e15])
  return JSON.stringify(query)
}

/** The index of a small log. Whatever words it is asked for: an answer that keeps the conditions, or a clear refusal. */
async function open(): Promise<Checker> {
  const directory = mkdtempSync(join(tmpdir(), 'fuzz-search-'))
  const log = await openAuditLog({ dataDir: directory, origin: 'fuzz/search' })
  const names = ['web', 'api-7f', 'sh.helm.release.v1', "o'brien", 'a"b', '😀', 'OR', '*']
  for (let i = 0; i < 40; i++) {
    const name = names[i % names.length]!
    const user = i % 3 === 0 ? 'bob' : 'alice'
    await recordCall(log, i, {
      name,
      user,
      namespace: i % 2 === 0 ? 'shop' : 'o"x',
      response: body(`{"data":"${name} NEAR(x)"}`),
    })
  }
  const index = openAuditIndex(log)
  await index.caughtUp(log.size)
  const everything = (await index.search({ limit: 500 })).items.length
  assert.ok(everything >= 40)

  async function look(input: Buffer): Promise<string> {
    let query: AuditQuery
    try {
      query = JSON.parse(input.toString('utf8')) as AuditQuery
    } catch {
      return 'no query'
    }
    if (typeof query !== 'object' || query === null || !wellTyped(query)) return 'no query'
    let items: readonly AuditRow[]
    try {
      items = (await index.search(query)).items
    } catch (error) {
      // The one thing that the caller is told of.
      assert.match(`${(error as Error).message}`, /page mark is malformed/)
      return 'refused'
    }
    for (const row of items) {
      for (const [field, of] of Object.entries(COLUMN)) {
        const asked = query[field as keyof AuditQuery]
        if (asked !== undefined) assert.equal(of(row), asked, `${field} of a row that was found`)
      }
    }
    const { text, ...others } = query
    if (text === undefined) return 'found by fields'
    const without = new Set((await index.search({ ...others, limit: 500 })).items.map(row => row.index))
    for (const row of items) assert.ok(without.has(row.index), 'words found more than there is')
    return items.length === 0 ? 'nothing' : 'found by words'
  }

  const checker = eachByItself(look, async () => {
    const rest = await index.search({ limit: 500 })
    await index.close()
    await log.close()
    rmSync(directory, { recursive: true, force: true })
    assert.equal(rest.items.length, everything, 'searching has changed the index')
  })
  return checker
}

/** As the API's schema lets it through. */
function wellTyped(query: AuditQuery): boolean {
  const { limit, code, since, until, ...texts } = query as unknown as Record<string, unknown>
  return (
    typeof limit === 'number' &&
    [code, since, until].every(each => each === undefined || typeof each === 'number') &&
    Object.entries(texts).every(
      ([name, value]) =>
        (FIELDS as readonly string[]).includes(name) && typeof value === 'string' && value.length <= 1024,
    )
  )
}

export const target: FuzzTarget = {
  name: 'search',
  batch: 50,
  generate(random, corpus) {
    const base = corpus.length > 0 && random.chance(0.1) ? random.pick(corpus) : Buffer.from(queryOf(random))
    return random.chance(0.85) ? base : mutate(base, random, WORDS, 2)
  },
  open,
}
