import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubernetesAction } from '../kubernetes/action.ts'
import { compilePolicies } from './compile.ts'
import { standIn } from './stand-in.ts'
import { alice, ask, type More, policies } from './testing/ask.ts'

const ALL = 'principals: {users: ["*"]}, verbs: ["*"], apiGroups: ["*"], resources: ["*"], riskClasses: ["*"]'
const EVERYTHING = `all allow {${ALL}}`
const patch: More = { body: { form: 'merge-patch', object: {} } }
const apply: More = { body: { form: 'apply-patch', object: {} } }
const put: More = { body: { form: 'object', object: {} } }

function wants(rules: readonly string[], text: string, more: More) {
  return compilePolicies(policies(...rules)).wantsResult(ask(text, more), standIn(alice, 'prod', 0))
}

test('only writes that say a part of what comes of them, and only where a rule looks at the whole', () => {
  const images = [
    EVERYTHING,
    'd deny {namespaces: [a], verbs: [create, update, patch], images: {notFrom: ["registry.example.com/*"]}}',
  ]
  const result = { before: false }
  for (const [text, more, expected] of [
    ['patch apps/deployments a/d', patch, result],
    ['patch apps/deployments a/d', apply, result],
    ['patch apps/deployments/scale a/d', patch, result],
    ['update apps/deployments/scale a/d', put, result],
    ['update rbac.authorization.k8s.io/roles a/r', put, result],
    ['update apps/deployments a/d', put, null],
    ['create apps/deployments a/-', put, null],
    ['get apps/deployments a/d', {}, null],
    ['delete apps/deployments a/d', put, null],
    // Another namespace is none of that rule's.
    ['patch apps/deployments b/d', patch, null],
  ] as const)
    assert.deepEqual(wants(images, text, more), expected, text)
  assert.equal(wants([EVERYTHING], 'patch apps/deployments a/d', patch), null)
  const form = [EVERYTHING, 'd deny {namespaces: [a]} when action.body.form == "json-patch"']
  assert.equal(wants(form, 'patch apps/deployments a/d', patch), null)
  for (const condition of [
    'has(action.body.object.spec)',
    'action.images.size() > 3',
    'has(action.body) && string(action.verb) == "x"',
  ]) {
    const rules = [EVERYTHING, `d deny {namespaces: [a]} when ${condition}`]
    assert.deepEqual(wants(rules, 'patch apps/deployments a/d', patch), result, condition)
  }
})

test('nobody looks for who would be refused anyhow: a look goes to the cluster with the rights of the caller', () => {
  const when = 'when action.body.object.spec.replicas < 5'
  const text = 'patch apps/deployments a/d'
  assert.equal(wants([`d deny {namespaces: [a]} ${when}`], text, patch), null)
  assert.equal(
    wants([EVERYTHING, 'no deny {namespaces: [a]}', `d deny {namespaces: [a]} ${when}`], text, patch),
    null,
  )
  const other = `a allow {${ALL.replace('users: ["*"]', 'users: ["corp:bob"]')}} ${when}`
  assert.equal(wants([other], text, patch), null)
  assert.deepEqual(wants([`a allow {${ALL}} ${when}`], text, patch), { before: false })
  const held = ALL.replace(', riskClasses: ["*"]', '')
  assert.deepEqual(wants([`h hold {${held}} ${when}`], text, patch), { before: false })
})

test('a rule on the object before looks at every change of one', () => {
  const rules = [
    EVERYTHING,
    'd deny {resources: [deployments]} when has(action.before) && action.before.kind == "x"',
  ]
  for (const [text, more, expected] of [
    ['update apps/deployments a/d', put, { before: true }],
    ['patch apps/deployments a/d', patch, { before: true }],
    ['create apps/deployments a/-', put, null],
  ] as const)
    assert.deepEqual(wants(rules, text, more), expected, text)
})

test('what was before: an object, none, or not known, which counts against the caller', () => {
  const set = compilePolicies(
    policies(
      EVERYTHING,
      'd deny {resources: [deployments]} when has(action.before) && action.before.metadata.labels.keep == "yes"',
    ),
  )
  const decide = (before: unknown): string => {
    const action: KubernetesAction = {
      ...ask('patch apps/deployments a/d', patch),
      ...(before === undefined ? {} : { before }),
    }
    return set.decide(action, standIn(alice, 'prod', 0)).effect
  }
  assert.equal(decide({ metadata: { labels: { keep: 'yes' } } }), 'deny')
  assert.equal(decide({ metadata: { labels: { keep: 'no' } } }), 'allow')
  assert.equal(decide(null), 'allow')
  assert.equal(decide(undefined), 'deny')
})
