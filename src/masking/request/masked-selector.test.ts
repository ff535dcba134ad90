import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maskRule, testEngine } from '../testing/rig.ts'
import { shippedEngine } from '../testing/shipped.ts'
import { maskedSelector } from './masked-selector.ts'

const shipped = shippedEngine()
const own = testEngine({
  'shop.example/Vault': [
    { path: ['spec', 'pin'], encoding: 'text', rule: maskRule('own') },
    { path: ['spec', 'all'], encoding: 'text', rule: maskRule('own') },
    { path: ['metadata', 'labels', 'tier'], encoding: 'text', rule: maskRule('own') },
  ],
})
const byField = (selector: string, engine = shipped) =>
  maskedSelector(engine, 'shop.example', 'Vault', selector, '')?.name ?? null
const byLabel = (selector: string, engine = shipped) =>
  maskedSelector(engine, 'shop.example', 'Vault', '', selector)?.name ?? null

test('a field whose name tells, or that a rule names, is not selected by', () => {
  for (const selector of [
    'spec.password=hunter2',
    'spec.password==hunter2',
    'spec.password!=hunter2',
    'metadata.name=a,spec.password=hunter2',
    'spec.password=hunt\\,er2,metadata.name=a',
    'spec.db.clientSecret=hunter2-hunter2',
    'spec.apiToken=Zm9yLXRoZS1iYW5r-9aQ',
    'spec.auth.value=hunter2',
    "spec['password']=hunter2",
    'spec.url=postgres://app:p4ss-w0rd@db/shop',
  ])
    assert.notEqual(byField(selector), null, selector)
  assert.equal(byField('spec.pin=1', own), 'spec.pin')
  assert.equal(byField('spec.all.more.of.it!=', own), 'spec.all.more.of.it')
})

test('other fields are, and what could not be a secret', () => {
  for (const selector of [
    '',
    'metadata.name=password',
    'metadata.name=a,metadata.namespace=b',
    'spec.nodeName=node-a,status.phase!=Running',
    'type=kubernetes.io/service-account-token',
    'involvedObject.uid=6a1c7a3e-6f1e-4bb4-9a6e-0a2f1b1c9d33,involvedObject.kind=Pod',
    'spec.signerName=kubernetes.io/kube-apiserver-client',
    'spec.password=',
    'spec.secretName=tls',
    'spec.token=main',
  ])
    assert.equal(byField(selector), null, selector)
})

test('labels: by name, in every form of a selector', () => {
  for (const selector of [
    'password=hunter2',
    'password == hunter2',
    'password!=hunter2',
    'app=shop,password in (hunter1, hunter2)',
    'password notin(hunter2),app',
    'app in (a,b),example.com/password=hunter2',
    'api-token>1000',
    'api-token < 1000',
  ])
    assert.notEqual(byLabel(selector), null, selector)
  assert.equal(byLabel('app=x,tier=gold', own), 'tier')
  assert.equal(byLabel('tier in (gold)', own), 'tier')
})

test('other labels, and whether a label is there', () => {
  for (const selector of [
    'app=shop',
    'password',
    '!password,app',
    'pod-template-hash=6d4cf56db6',
    'controller-uid=6a1c7a3e-6f1e-4bb4-9a6e-0a2f1b1c9d33',
    'sealedsecrets.bitnami.com/sealed-secrets-key=active',
    'app.kubernetes.io/name in (a,b),tier notin (c)',
    'node-role.kubernetes.io/control-plane',
    'in in (in)',
  ])
    assert.equal(byLabel(selector), null, selector)
})

test('who is exempt from a rule may select by what he sees', () => {
  const exempt = testEngine({}, { key: () => undefined, env: () => undefined })
  for (const selector of ['spec.password=hunter2', 'spec.auth.value=hunter2'])
    assert.equal(byField(selector, exempt), null, selector)
  assert.equal(byLabel('password in (hunter2)', exempt), null)
})
