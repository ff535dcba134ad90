import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectionOf } from '../../connections/testing/connection-of.ts'
import type { AgentLink, RecordedLink } from '../../tunnel/contract.ts'
import type { AgentRegistry } from '../../tunnel/registry.ts'
import { checkConnection } from './connection-checks.ts'

const connection = connectionOf([
  { group: 'g', clusterRole: 'edit', namespaces: ['a', 'b'] },
  { group: 'g', clusterRole: 'view', clusterWide: true },
])

/** What the check of the mapping says when the agent tells this of itself. */
async function mappingCheck(told: object, checked = connection): Promise<string> {
  const answers: Record<string, object> = {
    '/version': { gitVersion: 'v1.36.0' },
    '/apis': { kind: 'APIGroupList', groups: [] },
    '/sallyport/checks': { findings: [], requests: [], ...told },
  }
  const link: AgentLink = {
    name: 'far',
    connected: true,
    dispatch(call, handler) {
      handler.onHead(200, ['content-type', 'application/json'], { pause() {}, resume() {} })
      handler.onData(Buffer.from(JSON.stringify(answers[call.target])))
      handler.onEnd()
      return () => {}
    },
    close: async () => {},
  }
  const registry = {
    linkFor: () => link,
    status: () => [{ name: 'far', connected: true }],
  } as unknown as AgentRegistry
  const ownCalls = {
    through: (one: AgentLink): RecordedLink => ({ ...one, recorded: true }),
    made: async () => {},
  }
  const checks = await checkConnection({ registry, ownCalls, now: () => 0 }, checked)
  const found = checks.find(each => each.check === 'binder/mapping')
  return found === undefined ? '' : `${found.level}: ${found.text}`
}

const place = (name: string, namespace: string) => ({ kind: 'ClusterRole', name, namespace })

test('a connection that maps roles needs an agent with a binder that may bind them all', async () => {
  assert.match(await mappingCheck({}), /^failed: .*the agent far has no binder/)
  const some = { mayBind: [place('edit', 'a'), place('view', '*')] }
  assert.equal(await mappingCheck(some), 'failed: the agent far may not bind ClusterRole edit in b')
  const narrow = { mayBind: [place('edit', '*'), place('view', 'a')] }
  assert.match(await mappingCheck(narrow), /^failed: .*ClusterRole view in the whole cluster$/)
  assert.match(await mappingCheck({ mayBind: [place('edit', '*'), place('view', '*')] }), /^ok/)
})

test('nothing is said where nothing is mapped', async () => {
  const { bindings: _, ...plain } = connection
  assert.equal(await mappingCheck({}, plain), '')
  assert.equal(await mappingCheck({}, { ...connection, upstreamIdentity: 'principal' }), '')
})
