import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { openAuditIndex } from '../../src/audit/index/open-index.ts'
import { openAuditLog } from '../../src/audit/open.ts'
import type { AuditIndex, AuditQuery } from '../../src/audit/search/contract.ts'
import { body, recordCall, scratch } from '../../src/audit/testing/calls.ts'
import { parsePostgresUrl } from '../../src/postgres/settings.ts'
import { type PostgresServer, startPostgres } from '../../testbed/postgres/start-postgres.ts'

/** One log, both engines: whatever is asked, both find the same calls in the same order. */
let server: PostgresServer
before(async () => {
  server = await startPostgres()
})
after(() => server?.stop())

// Few different parts, so that questions meet texts: case, digits, punctuation, marks, scripts, folding.
const part = fc.constantFrom(
  ...['web', 'WEB', 'shop', 'Shop1', '1.7', '17', 'a', 'ab', 'abc', 'registry.example', 'x_y', "o'neil", '%'],
  ...['*', '"', 'AND', 'NOT', '-', ':', '/', '(', '\\', 'é', 'e\u0301', 'É', 'straße', 'ΣΊΣΥΦΟΣ', 'σίσυφος'],
  ...['ſs', 'K', 'İstanbul', '日本', '日', 'Жук', 'жук', '٣٤', '½', '\u{1f600}', '\u0000', '\u00a0', 'ﬁ'],
)
const words = fc
  .array(fc.tuple(part, fc.constantFrom('', ' ', '-', '.', '\n')), { minLength: 1, maxLength: 12 })
  .map(pairs => pairs.flat().join(''))
const question = fc
  .array(fc.tuple(part, fc.constantFrom('', ' ', '-')), { minLength: 1, maxLength: 2 })
  .map(pairs => pairs.flat().join(''))

async function allOf(index: AuditIndex, query: Omit<AuditQuery, 'limit'>): Promise<string[]> {
  const calls: string[] = []
  for (let after: string | undefined; ; ) {
    const page = await index.search({ ...query, limit: 7, ...(after === undefined ? {} : { after }) })
    calls.push(...page.items.map(row => `${row.call} ${row.kind} ${JSON.stringify(row)}`))
    after = page.next
    if (after === undefined) return calls
  }
}

test('both engines find the same (property)', { timeout: 120_000 }, async t => {
  const log = await openAuditLog({ dataDir: scratch(t), origin: 'sallyport.example/log' })
  const sqlite = openAuditIndex(log)
  const postgres = openAuditIndex(log, {
    postgres: parsePostgresUrl(`${server.url}?schema=same`, server.password),
  })
  try {
    const texts = fc.sample(words, { numRuns: 200, seed: 7 })
    for (const [number, text] of texts.entries()) {
      await recordCall(log, number, {
        name: text.slice(0, 9),
        namespace: `n${number % 3}`,
        ...(number % 5 === 0 ? { effect: 'deny' as const, code: 403 } : {}),
        ...(number % 2 === 0 ? { response: body(text) } : { request: body(text) }),
      })
    }
    await Promise.all([sqlite.caughtUp(log.size), postgres.caughtUp(log.size)])
    let hits = 0
    await fc.assert(
      fc.asyncProperty(
        question,
        fc.oneof(
          fc.constant({}),
          fc.record(
            {
              namespace: fc.constantFrom('n0', 'n1', 'none'),
              effect: fc.constantFrom('allow' as const, 'deny' as const),
              code: fc.constantFrom(200, 403),
              group: fc.constantFrom('', 'apps'),
              rule: fc.constantFrom('base/read', 'base'),
              principal: fc.constantFrom('corp:alice', '["https://idp.example","sub-alice"]'),
            },
            { requiredKeys: [] },
          ),
        ),
        async (text, filter) => {
          const [one, other] = await Promise.all(
            [sqlite, postgres].map(index => allOf(index, { ...filter, text })),
          )
          hits += one!.length === 0 ? 0 : 1
          assert.deepEqual(other, one)
        },
      ),
      { numRuns: 300, seed: 11 },
    )
    assert.ok(hits > 50, `only ${hits} questions found anything`)
    assert.deepEqual(await allOf(postgres, {}), await allOf(sqlite, {}))
  } finally {
    await sqlite.close()
    await postgres.close()
    await log.close()
  }
})
