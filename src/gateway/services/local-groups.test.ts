import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RecordedLink } from '../../tunnel/contract.ts'
import { BELIEVED, createLocalGroups } from './local-groups.ts'

/** An API server of which each group says who serves it, when it is asked. */
function rig() {
  const state = { now: 0, aggregated: new Set<string>(), status: 200, asked: [] as string[], takes: 0 }
  const link: RecordedLink = {
    recorded: true,
    name: 'a',
    connected: true,
    dispatch(call, handler) {
      const name = call.target.split('/').at(-1)!
      const [version, ...group] = name.split('.')
      const spec = { group: group.join('.'), version }
      const service = state.aggregated.has(name) ? { service: { name: 's' } } : {}
      const body = JSON.stringify({ kind: 'APIService', metadata: { name }, spec: { ...spec, ...service } })
      state.asked.push(`${call.identity.mode} ${call.identity.purpose} ${call.target}`)
      setImmediate(() => {
        state.now += state.takes
        handler.onHead(state.status, ['content-type', 'application/json'], { pause() {}, resume() {} })
        handler.onData(Buffer.from(body))
        handler.onEnd()
      })
      return () => {}
    },
    close: async () => {},
  }
  let gone = false
  const groups = createLocalGroups(
    () => {
      if (gone) throw new Error('no agent')
      return link
    },
    () => state.now,
  )
  return {
    state,
    ask: (group: string, connection = 'prod') => groups.isLocal(connection, group, 'v1'),
    leave() {
      gone = true
    },
  }
}

test('asked as the agent itself, once for all who ask at the same time and in the next seconds', async () => {
  const { state, ask } = rig()
  assert.deepEqual(await Promise.all([ask('a.example'), ask('a.example')]), [true, true])
  state.now = BELIEVED - 1
  assert.equal(await ask('a.example'), true)
  assert.deepEqual(state.asked, ['agent apiservice /apis/apiregistration.k8s.io/v1/apiservices/v1.a.example'])
  await ask('a.example', 'stage')
  assert.equal(state.asked.length, 2, 'each connection is a cluster of its own')
})

test('a group that goes over to another server is not taken for a local one for longer than that', async () => {
  const { state, ask } = rig()
  assert.equal(await ask('a.example'), true)
  state.aggregated.add('v1.a.example')
  state.now = BELIEVED
  assert.equal(await ask('a.example'), false)
  state.aggregated.clear()
  state.now += BELIEVED
  assert.equal(await ask('a.example'), true)
})

test('an answer that took longer than it is believed says how it was', async () => {
  const { state, ask } = rig()
  state.takes = BELIEVED
  assert.equal(await ask('a.example'), false)
})

test('no right, no such APIService, no agent, no such name: not local', async () => {
  const { state, ask, leave } = rig()
  for (const status of [401, 403, 404, 500, 304]) {
    state.status = status
    state.now += BELIEVED
    assert.equal(await ask('a.example'), false, String(status))
  }
  const before = state.asked.length
  assert.equal(await ask('a.example/../../secrets'), false)
  assert.equal(state.asked.length, before)
  leave()
  state.status = 200
  state.now += BELIEVED
  assert.equal(await ask('a.example'), false)
})

test('paths that name thousands of groups do not fill the memory, and push nobody’s answer into being wrong', async () => {
  const { state, ask } = rig()
  state.aggregated.add('v1.mine.example')
  assert.equal(await ask('mine.example'), false)
  for (let i = 0; i < 600; i++) assert.equal(await ask(`g${i}.example`), true)
  assert.equal(await ask('mine.example'), false)
})
