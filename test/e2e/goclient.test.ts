import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { buildProgram } from '../../testbed/build-program.ts'
import { reportOf } from '../clients/report.ts'
import { openSides, type Side, type Sides } from '../clients/sides.ts'
import { normalise } from './normalise.ts'
import { type Ran, runProgram } from './rig.ts'

let sides: Sides
let goclient: string

before(
  async () => {
    goclient = await buildProgram('goclient')
    sides = await openSides()
  },
  { timeout: 600_000 },
)
after(() => sides?.close())

function run(side: Side): Promise<Ran> {
  return runProgram(goclient, ['--kubeconfig', side.kubeconfig, '--namespace', side.namespace])
}

test('a typed client-go program with defaults sees the same directly and through the gateway', {
  timeout: 240_000,
}, async t => {
  const direct = await run(sides.direct)
  assert.equal(direct.code, 0, direct.stderr)
  const through = await run(sides.gateway)
  assert.equal(through.code, 0, through.stderr)
  const steps = direct.stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as { step: string })
  assert.equal(steps.length, 20)
  assert.match(direct.stdout, /"PUT application\/vnd\.kubernetes\.protobuf"/)
  assert.deepEqual(normalise(through.stdout).split('\n'), normalise(direct.stdout).split('\n'))
  t.diagnostic(`${steps.length} steps equal: ${steps.map(each => each.step).join(', ')}`)
})

test('each upstream request of it has an entry, and the log verifies', { timeout: 60_000 }, async t => {
  const finished = await sides.finish()
  for (const line of reportOf(finished)) t.diagnostic(line)
  assert.deepEqual(finished.missing, [])
  assert.ok(finished.upstream.length > 60, `${finished.upstream.length} requests came through`)
  // The defaults of client-go are what makes it a hard guest: streamed lists, and protobuf bodies (asserted above).
  assert.ok(
    finished.upstream.some(each => each.startsWith('watch ') && each.includes('sendInitialEvents=true')),
  )
})
