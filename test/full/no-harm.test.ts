import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { shippedEngine } from '../../src/masking/testing/shipped.ts'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import { liveObjects, logsOf } from './no-harm/live.ts'
import { type MaskedPlace, measure, measureText } from './no-harm/measure.ts'
import { moduleFolders } from './no-harm/modules.ts'
import { balanced, objectsIn, type Sample } from './no-harm/objects.ts'

let cluster: Cluster

before(
  async () => {
    cluster = await startCluster()
  },
  { timeout: 900_000 },
)
after(() => cluster?.stop())

/**
 * What of ordinary objects is masked although it is no secret. All masked places are printed for the eye, and all are taken
 * for false here, also the example passwords among them: the true rate is lower (docs/masking/no-harm.md).
 */
test('ordinary objects and logs stay as they are', { timeout: 900_000 }, async t => {
  const engine = shippedEngine()
  const folders = await moduleFolders()
  const published = balanced(
    (function* () {
      for (const { name, folder } of folders) yield* objectsIn(name, folder)
    })(),
    200,
    40,
  )
  const samples: Sample[] = [...published, ...(await liveObjects(cluster))].filter(s => s.kind !== 'Secret')
  const kinds = new Set(samples.map(s => s.kind))
  let strings = 0
  const masked: MaskedPlace[] = []
  const add = (measured: ReturnType<typeof measure>): void => {
    strings += measured.strings
    masked.push(...measured.masked)
  }
  for (const { from, object } of samples) add(measure(engine, from, object))
  t.diagnostic(`${samples.length} objects of ${kinds.size} kinds, ${strings} string values`)
  report(t.diagnostic.bind(t), masked, strings)
  assert.ok(samples.length >= 2_000 && kinds.size >= 40)
  assert.ok(masked.length < strings * 0.005)

  strings = 0
  masked.length = 0
  for (const { name, text } of logsOf(cluster)) add(measureText(engine, name, text))
  t.diagnostic(`${strings} lines of logs`)
  report(t.diagnostic.bind(t), masked, strings)
  assert.ok(masked.length < strings * 0.005)
})

function report(print: (line: string) => void, masked: readonly MaskedPlace[], strings: number): void {
  const rules = Map.groupBy(masked, place => place.rule)
  print(`${masked.length} masked, ${((100 * masked.length) / strings).toFixed(3)} %`)
  for (const [rule, places] of rules) print(`${rule}: ${places.length}`)
  for (const { rule, from, pointer, value } of masked) {
    print(`${rule}  ${from}  ${pointer}  ${JSON.stringify(value.slice(0, 12))}`)
  }
}
