import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePolicies } from './compile.ts'
import { standIn } from './stand-in.ts'
import { alice, ask, policies } from './testing/ask.ts'

const ALL = 'principals: {users: ["*"]}, verbs: ["*"], apiGroups: ["*"], resources: ["*"]'
const pace = (...rules: string[]) =>
  compilePolicies(policies(...rules)).pace(ask('watch pods a/-'), standIn(alice, 'prod', 0))

test('only rules that look at the time, and could be about the caller and the connection, set a pace', () => {
  const night = 'time: {within: [{hours: "22:00-06:00"}]}'
  assert.equal(pace(`all allow {${ALL}}`), null)
  assert.equal(pace(`n deny {namespaces: [a], ${night}}`), 'minute')
  assert.equal(pace(`n deny {namespaces: [a], time: {outside: [{days: [mon]}]}}`), 'minute')
  assert.equal(pace('n deny {namespaces: [a]} when now.getHours() > 12'), 'second')
  assert.equal(
    pace(`n deny {namespaces: [a], ${night}}`, 'm deny {namespaces: [a]} when now.getHours() > 12'),
    'second',
  )
  assert.equal(pace('n deny {namespaces: [a]} when action.name == "known"'), null)
  assert.equal(pace(`n deny {connections: [stage], ${night}}`), null)
  assert.equal(pace(`n deny {principals: {users: ["corp:bob"]}, ${night}}`), null)
})
