import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask } from '../policy/testing/ask.ts'
import { foresee, knowsNoTrial, knowsTrial, trialOf } from './foresight.ts'

const write = (text: string) => ({ ...ask(text), hasSideEffect: true })

test('only what is known to change nothing is tried', () => {
  const rows: [string, string][] = [
    ['delete namespaces shop/shop', 'yes'],
    ['patch apps/deployments shop/a', 'yes'],
    ['update apps/deployments/scale shop/a', 'yes'],
    ['deletecollection secrets shop/-', 'yes'],
    ['create pods/exec shop/a', 'no'],
    ['create pods/proxy shop/a', 'no'],
    ['delete services/proxy shop/a', 'no'],
    ['create pods/eviction shop/a', 'no'],
    ['create serviceaccounts/token shop/a', 'no'],
    ['create bindings shop/-', 'no'],
    ['delete example.com/widgets shop/a', 'if-local'],
    ['patch example.com/widgets/scale shop/a', 'if-local'],
    ['create example.com/widgets/proxy shop/a', 'no'],
    ['delete metrics.k8s.io/pods shop/a', 'if-local'],
    ['post /logs', 'no'],
  ]
  for (const [action, known] of rows) assert.equal(knowsTrial(write(action)), known, action)
  assert.equal(knowsTrial(ask('get pods shop/a')), 'no')
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
