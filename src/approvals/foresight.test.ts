import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask } from '../policy/testing/ask.ts'
import { canTry, foresee, knowsNoTrial, trialOf } from './foresight.ts'

const write = (text: string) => ({ ...ask(text), hasSideEffect: true })

test('only what is known to change nothing is tried', () => {
  const rows: [string, boolean][] = [
    ['delete namespaces shop/shop', true],
    ['patch apps/deployments shop/a', true],
    ['update apps/deployments/scale shop/a', true],
    ['deletecollection secrets shop/-', true],
    ['create pods/exec shop/a', false],
    ['create pods/proxy shop/a', false],
    ['delete services/proxy shop/a', false],
    ['create pods/eviction shop/a', false],
    ['create serviceaccounts/token shop/a', false],
    ['create bindings shop/-', false],
    ['delete example.com/widgets shop/a', false],
    ['post /logs', false],
  ]
  for (const [action, can] of rows) assert.equal(canTry(write(action)), can, action)
  assert.equal(canTry(ask('get pods shop/a')), false)
  const dry = write('delete pods shop/a')
  assert.equal(canTry({ ...dry, query: { ...dry.query, dryRun: true } }), false)
})

test('a trial of a deletion says so in its body, whatever the body said', () => {
  const action = write('delete pods shop/a')
  const path = '/api/v1/namespaces/shop/pods/a'
  for (const body of [null, '{}', '{"dryRun":[]}', '{"dryRun":null,"propagationPolicy":"Orphan"}']) {
    const trial = trialOf(action, path, body === null ? null : Buffer.from(body), '')
    assert.equal(trial?.target, `${path}?dryRun=All`)
    const sent = JSON.parse(Buffer.from(trial!.body!).toString())
    assert.deepEqual([sent.dryRun, sent.kind, sent.apiVersion], [['All'], 'DeleteOptions', 'v1'])
  }
  for (const bad of ['[]', 'null', '1', '{'])
    assert.equal(trialOf(action, path, Buffer.from(bad), ''), null, bad)
  const patch = trialOf(write('patch pods shop/a'), `${path}?fieldManager=x`, Buffer.from('{}'), 'a/b')
  assert.equal(patch?.target, `${path}?fieldManager=x&dryRun=All`)
})

test('what is shown is short, and moves no cursor', () => {
  const object = (value: string): string =>
    JSON.stringify({ metadata: { name: 'a', uid: value }, data: { a: value } })
  assert.deepEqual(foresee(object('1'), object('2'), 'ConfigMap a').lines.slice(1), [
    ...[' metadata:', '   name: a', ' data:', '-  a: "1"', '+  a: "2"'].slice(-5),
  ])
  const long = foresee(null, object(`\u001b[2J${'x'.repeat(5000)}`), 'a\u202eb')
  for (const line of long.lines) {
    assert.ok(line.length <= 160)
    assert.ok(!line.includes('\u001b'))
  }
  const many = JSON.stringify({
    data: Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`k${i}`, 'v'])),
  })
  const cut = foresee(null, many, 'x')
  assert.ok(cut.truncated && cut.lines.length === 60)
  assert.match(foresee(object('1'), object('1'), 'x').note ?? '', /nothing/)
})

test('a cluster that knows no dry run of it says so with 400', () => {
  const refused = Buffer.from('admission webhook "w.example.com" does not support dry run')
  assert.equal(knowsNoTrial(400, refused), true)
  assert.equal(knowsNoTrial(403, refused), false)
  assert.equal(knowsNoTrial(400, Buffer.from('the body is invalid')), false)
})
