import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { assertSameTranscript } from '../clients/compare.ts'
import { goProgram } from '../clients/programs.ts'
import { reportOf } from '../clients/report.ts'
import { openSides, type Sides } from '../clients/sides.ts'

let sides: Sides

before(
  async () => {
    sides = await openSides()
  },
  { timeout: 600_000 },
)
after(() => sides?.close())

test('a typed client-go program with defaults sees the same directly and through the gateway', {
  timeout: 240_000,
}, async t => {
  const transcript = await assertSameTranscript(t, sides, await goProgram())
  assert.match(transcript, /"PUT application\/vnd\.kubernetes\.protobuf"/)
  assert.equal(transcript.trimEnd().split('\n').length, 20)
})

test('each upstream request of it has an entry, and the log verifies', { timeout: 60_000 }, async t => {
  const finished = await sides.finish(t)
  for (const line of reportOf(finished)) t.diagnostic(line)
  assert.deepEqual(finished.missing, [])
  assert.ok(finished.upstream.length > 60, `${finished.upstream.length} requests came through`)
  // The defaults of client-go are what makes it a hard guest: streamed lists, and protobuf bodies (asserted above).
  assert.ok(
    finished.upstream.some(each => each.startsWith('watch ') && each.includes('sendInitialEvents=true')),
  )
})
