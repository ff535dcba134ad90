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
  assert.equal(transcript.trimEnd().split('\n').length, 21)
})

test('a Secret that it has read, masked, and updated twice is stored as it was', {
  timeout: 60_000,
}, async () => {
  for (const { namespace } of [sides.direct, sides.gateway]) {
    const args = ['get', 'secret', 'kept', '-o', 'jsonpath={.data}']
    const { stdout } = await sides.kubectl({ ...sides.direct, namespace }, args)
    const data = JSON.parse(stdout) as Record<string, string>
    assert.deepEqual(data, {
      bytes: Buffer.from([0, 255, 1]).toString('base64'),
      password: Buffer.from('tr0ub4dor').toString('base64'),
      token: Buffer.from('another-tr0ub4dor').toString('base64'),
    })
  }
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
