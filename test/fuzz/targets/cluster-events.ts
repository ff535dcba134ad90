import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { eventsOf, isOurName } from '../../../src/audit/crosscheck/cluster-event.ts'
import { differences } from '../../../src/audit/crosscheck/compare.ts'
import { linesOf } from '../../../src/audit/crosscheck/lines.ts'
import type { OurCall } from '../../../src/audit/crosscheck/our-calls.ts'
import { mutate } from '../mutate.ts'
import { eachByItself, type FuzzTarget } from '../target.ts'

const EVENT = {
  kind: 'Event',
  apiVersion: 'audit.k8s.io/v1',
  auditID: '01900000-0000-7000-8000-000000000001',
  stage: 'ResponseComplete',
  requestURI: '/api/v1/namespaces/shop/pods/web?x=%zz',
  verb: 'get',
  user: { username: 'agent', groups: ['g'], extra: { a: ['b'] } },
  impersonatedUser: {
    username: 'sallyport:a',
    groups: ['system:authenticated'],
    extra: { 'sallyport.dev/session': ['s'] },
  },
  sourceIPs: ['10.0.0.1'],
  objectRef: { resource: 'pods', namespace: 'shop', name: 'web', apiVersion: 'v1' },
  responseStatus: { code: 200 },
  requestReceivedTimestamp: '2026-01-02T03:04:05.000000Z',
  stageTimestamp: '2026-01-02T03:04:05.100000Z',
}
const WORDS = [
  'null',
  '[]',
  '{}',
  '7',
  '"x"',
  '\n',
  '{"kind":"EventList","items":[',
  ']}',
  ',',
  '9e99',
  '\u0000',
  '"auditID":""',
]
const ours: OurCall = {
  connection: 'c',
  own: false,
  verb: 'get',
  object: {
    apiGroup: '',
    apiVersion: 'v1',
    resource: 'pods',
    subresource: '',
    namespace: 'shop',
    name: 'web',
  },
  path: '',
  bodyName: '',
  session: 's',
  begun: 0,
  ended: 1,
  state: 'answered',
  reason: '',
  status: 200,
  user: 'sallyport:a',
  groups: [],
  seen: 'no',
  times: '',
}

/** A cluster's audit log, packed or not: each line is read or not, and no content breaks the comparison. */
async function look(input: Buffer): Promise<string> {
  let [lines, events] = [0, 0]
  try {
    for await (const line of linesOf('-', Readable.from(input.length === 0 ? [] : [input]))) {
      lines += 1
      assert.equal(line.number, lines)
      for (const event of eventsOf(line.text ?? '') ?? []) {
        events += 1
        assert.ok(Number.isFinite(event.received) && Number.isFinite(event.stamped))
        isOurName(event)
        for (const { ours: mine, cluster } of differences(ours, event)) assert.notEqual(mine, cluster)
      }
    }
  } catch (error) {
    // A damaged gzip file ends in an error that says so.
    if (/^Z_|^ERR_/.test((error as NodeJS.ErrnoException).code ?? '')) return 'damaged gzip'
    throw error
  }
  return events > 0 ? 'events' : 'no events'
}

export const target: FuzzTarget = {
  name: 'cluster-events',
  batch: 100,
  generate(random, corpus) {
    const line = `${JSON.stringify(EVENT)}\n`
    const base =
      corpus.length > 0 && random.chance(0.1)
        ? random.pick(corpus)
        : Buffer.from(line.repeat(1 + random.below(3)))
    const changed = random.chance(0.1) ? base : mutate(base, random, WORDS)
    if (!random.chance(0.15)) return changed
    const packed = gzipSync(changed)
    return random.chance(0.5) ? packed : mutate(packed, random)
  },
  open: async () => eachByItself(look),
}
