import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pythonWithKubernetes } from '../clients/python.ts'
import { reportOf } from '../clients/report.ts'
import { openSides, type Side, type Sides } from '../clients/sides.ts'
import { normalise } from '../e2e/normalise.ts'
import { type Ran, runProgram } from '../e2e/rig.ts'

const program = join(import.meta.dirname, '..', 'clients', 'client.py')
let sides: Sides
let python: string

before(
  async () => {
    python = await pythonWithKubernetes()
    sides = await openSides()
  },
  { timeout: 600_000 },
)
after(() => sides?.close())

function run(side: Side): Promise<Ran> {
  return runProgram(python, [program, side.kubeconfig, side.namespace], { timeout: 60_000 })
}

test('a program with the Python client sees the same directly and through the gateway', {
  timeout: 150_000,
}, async t => {
  const direct = await run(sides.direct)
  assert.equal(direct.code, 0, direct.stderr)
  const through = await run(sides.gateway)
  assert.equal(through.code, 0, through.stderr)
  assert.deepEqual(normalise(through.stdout).split('\n'), normalise(direct.stdout).split('\n'))
  assert.equal(normalise(through.stderr), normalise(direct.stderr))
  const steps = direct.stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as { step: string })
  t.diagnostic(`${steps.length} steps equal: ${steps.map(each => each.step).join(', ')}`)
})

test('each upstream request of it has an entry, and the log verifies', { timeout: 60_000 }, async t => {
  const finished = await sides.finish()
  for (const line of reportOf(finished)) t.diagnostic(line)
  assert.deepEqual(finished.missing, [])
  assert.ok(finished.upstream.length > 30, `${finished.upstream.length} requests came through`)
})
