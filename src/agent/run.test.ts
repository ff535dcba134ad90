import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { stringify } from 'yaml'
import { issueEnrolmentToken, removeAgent } from '../tunnel/enrolment/enrolment.ts'
import { parseToken } from '../tunnel/enrolment/token.ts'
import { type AgentConfig, parseAgentConfig, readAgentConfig } from './config.ts'
import { enrol } from './enrolment/request-certificate.ts'
import { type AgentEvent, type RunningAgent, runAgent } from './run.ts'
import { callOf, refusalOf, send, until } from './testing/calls.ts'
import { startGateway, type TestGateway } from './testing/gateway.ts'
import { newDirectory } from './testing/remote.ts'
import { answerJson, type StubApiServer, startStub } from './testing/stub-api-server.ts'

let stub: StubApiServer
let gateway: TestGateway
before(async () => {
  stub = await startStub((_, response) => answerJson(response, 200, {}))
  gateway = await startGateway()
})
beforeEach(() => {
  stub.behaviour = (_, response) => answerJson(response, 200, {})
})
after(async () => {
  await gateway.stop()
  await stub.stop()
})

async function configFor(to: TestGateway, name: string, changes: object = {}): Promise<AgentConfig> {
  const directory = newDirectory(to)
  const kubeconfig = {
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    clusters: [
      {
        name: 'c',
        cluster: {
          server: stub.origin,
          'certificate-authority-data': Buffer.from(stub.target.certificateAuthority!).toString('base64'),
        },
      },
    ],
    users: [{ name: 'u', user: { token: 'agent' } }],
  }
  writeFileSync(join(directory, 'kubeconfig'), stringify(kubeconfig))
  const { token } = await issueEnrolmentToken(to.store, to.authority, name, 'local:admin')
  writeFileSync(join(directory, 'token'), token)
  const file = join(directory, 'agent.yaml')
  writeFileSync(
    file,
    stringify({
      apiVersion: 'sallyport.dev/v1',
      kind: 'AgentConfig',
      gateway: `https://127.0.0.1:${to.port}`,
      dataDir: 'data',
      tokenFile: 'token',
      connections: [{ name: 'prod', credential: { kubeconfig: { path: join(directory, 'kubeconfig') } } }],
      ...changes,
    }),
  )
  return readAgentConfig(file)
}

interface Started {
  readonly running: RunningAgent
  readonly events: AgentEvent[]
}

async function start(config: AgentConfig, token?: string): Promise<Started> {
  const events: AgentEvent[] = []
  const running = await runAgent({
    config,
    software: '0.0.0-test',
    onEvent: event => events.push(event),
    backoff: { first: 20, longest: 100 },
    drainLimit: 2_000,
    ...(token === undefined ? {} : { token }),
  })
  return { running, events }
}

describe('an agent of its own', () => {
  test('enrols, serves through two tunnels, keeps its key to itself, and stops cleanly', async () => {
    const config = await configFor(gateway, 'edge-1')
    const { running, events } = await start(config)
    await until(() => running.connected === 2)
    const link = gateway.registry.linkFor({ name: 'prod', agents: ['edge-1'] })
    await until(() => link.connected)
    assert.equal((await send(link, callOf())).status, 200)
    assert.equal(running.name, 'edge-1')
    assert.equal(statSync(join(config.dataDir, 'agent.pem')).mode & 0o777, 0o600)
    const status = gateway.registry.status().find(one => one.name === 'edge-1')!
    assert.deepEqual([status.connected, status.software, status.connections], [true, '0.0.0-test', ['prod']])
    const secret = parseToken(readFileSync(join(config.dataDir, '..', 'token'), 'utf8'))!.secret
    assert.ok(!JSON.stringify([events, gateway.events]).includes(secret))
    await running.stop()
    assert.equal(link.connected, false)
    assert.ok(events.some(event => event.type === 'stopped'))
  })

  test('started again, it needs no token', async () => {
    const config = await configFor(gateway, 'edge-2')
    const first = await start(config)
    await until(() => first.running.connected === 2)
    await first.running.stop()
    writeFileSync(join(config.dataDir, '..', 'token'), 'used up')
    const second = await start(config)
    await until(() => second.running.connected === 2)
    assert.ok(!second.events.some(event => event.type === 'enrolled'))
    await second.running.stop()
  })

  test('renewal: a new key and certificate, new tunnels first, no call is lost', async () => {
    const { running, events } = await start(await configFor(gateway, 'edge-3', { tunnels: 1 }))
    const link = gateway.registry.linkFor({ name: 'prod', agents: ['edge-3'] })
    await until(() => link.connected)
    let answer = (): void => {}
    stub.behaviour = (_, response) => {
      answer = () => answerJson(response, 200, { slow: true })
    }
    const before = stub.seen.length
    const slow = send(link, callOf())
    await until(() => stub.seen.length === before + 1)
    await running.renew()
    assert.ok(events.some(event => event.type === 'renewed'))
    await until(() => events.filter(event => event.type === 'connected').length === 2)
    const finishSlow = answer
    stub.behaviour = (_, response) => answerJson(response, 200, {})
    await until(() => link.connected)
    assert.equal((await send(link, callOf())).status, 200)
    finishSlow()
    assert.equal((await slow).body.toString(), '{"slow":true}')
    await running.stop()
  })

  test('a certificate that is about to end is renewed by itself', async () => {
    const brief = await startGateway({ certificateLifetime: 3_000 })
    const config = await configFor(brief, 'edge', { tunnels: 1 })
    const { running, events } = await start(config)
    await until(() => events.some(event => event.type === 'renewed'))
    await running.stop()
    await brief.stop()
  })

  test('a gateway that restarts finds its agent again; meanwhile calls are refused clearly', async () => {
    const own = await startGateway()
    const { running, events } = await start(await configFor(own, 'edge'))
    await until(() => running.connected === 2)
    const { port, store, authority } = own
    await own.stop()
    const absent = own.registry.linkFor({ name: 'prod', agents: ['edge'] })
    assert.equal((await refusalOf(send(absent, callOf()))).code, 'agent-unavailable')
    await until(() => events.some(event => event.type === 'waiting'))
    assert.match(
      events.find(event => event.type === 'waiting')!.detail,
      /cannot connect to 127.0.0.1:\d+: ECONNREFUSED/,
    )
    const again = await startGateway({ port, store, authority })
    const link = again.registry.linkFor({ name: 'prod', agents: ['edge'] })
    await until(() => running.connected === 2 && link.connected)
    assert.equal((await send(link, callOf())).status, 200)
    await running.stop()
    await again.stop()
  })

  test("the operator's ceiling holds against the gateway", async () => {
    const config = await configFor(gateway, 'edge-4', {
      ceiling: { readOnly: true, namespaces: ['default'] },
    })
    const { running } = await start(config)
    const link = gateway.registry.linkFor({ name: 'prod', agents: ['edge-4'] })
    await until(() => link.connected)
    assert.equal((await send(link, callOf())).status, 200)
    for (const changes of [{ method: 'DELETE' }, { target: '/api/v1/namespaces/kube-system/secrets' }]) {
      assert.equal((await refusalOf(send(link, callOf(changes)))).check, 'agent/ceiling')
    }
    await running.stop()
  })

  test('a removed agent waits and says why', async () => {
    const { running, events } = await start(await configFor(gateway, 'edge-5', { tunnels: 1 }))
    await until(() => running.connected === 1)
    await removeAgent(gateway.store, 'edge-5')
    gateway.gate.disconnect('edge-5', 'removed')
    await until(() => events.some(event => /enrol it again/.test(event.detail)))
    await running.stop()
  })
})

describe('enrolment over the network', () => {
  test('a used, an expired and a nonsense token give no certificate, and say so', async () => {
    const address = { host: '127.0.0.1', port: gateway.port }
    const { token } = await issueEnrolmentToken(gateway.store, gateway.authority, 'net-1', 'x')
    await enrol(address, token, newDirectory(gateway))
    await assert.rejects(
      enrol(address, token, newDirectory(gateway)),
      /answered 401: the enrolment token is unknown, used or expired/,
    )
    const old = { clock: () => Date.now() - 3_600_000 }
    const expired = await issueEnrolmentToken(gateway.store, gateway.authority, 'net-2', 'x', 60_000, old)
    await assert.rejects(enrol(address, expired.token, newDirectory(gateway)), /401/)
    await assert.rejects(enrol(address, 'nonsense', newDirectory(gateway)), /no enrolment token/)
  })

  test('a gateway with another authority than the token names never sees the secret', async () => {
    const impostor = await startGateway()
    const { token } = await issueEnrolmentToken(gateway.store, gateway.authority, 'net-3', 'x')
    const directory = newDirectory(gateway)
    await assert.rejects(
      enrol({ host: '127.0.0.1', port: impostor.port }, token, directory),
      /another fingerprint/,
    )
    assert.deepEqual(readdirSync(directory), [])
    // The token is as good as before.
    await enrol({ host: '127.0.0.1', port: gateway.port }, token, directory)
    await impostor.stop()
  })

  test('a server that shows the pinned authority beside a certificate of its own making is refused', async () => {
    const { createServer } = await import('node:tls')
    const { openAuthority } = await import('../pki/authority.ts')
    const { ensureServerCertificate } = await import('../pki/server-certificate.ts')
    const directory = newDirectory(gateway)
    const forged = ensureServerCertificate(openAuthority(directory), directory, ['127.0.0.1'])
    const leaf = forged.chain.slice(0, forged.chain.indexOf('-----BEGIN', 10))
    let heard = ''
    const server = createServer({ key: forged.key, cert: leaf + gateway.authority.pem }, socket => {
      socket.on('error', () => {})
      socket.on('data', data => {
        heard += String(data)
      })
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as import('node:net').AddressInfo
    const { token } = await issueEnrolmentToken(gateway.store, gateway.authority, 'net-4', 'x')
    await assert.rejects(enrol({ host: '127.0.0.1', port }, token, newDirectory(gateway)))
    assert.equal(heard, '')
    await new Promise(resolve => server.close(resolve))
  })
})

describe('configuration', () => {
  const good = `apiVersion: sallyport.dev/v1
kind: AgentConfig
gateway: https://gw.example:8443
dataDir: /var/lib/agent
connections:
  - name: prod
    credential: {inCluster: {}}
    ceiling:
      readOnly: true
`

  test('what it says, with defaults', () => {
    const config = parseAgentConfig(good, 'agent.yaml')
    assert.deepEqual(config.gateway, { host: 'gw.example', port: 8443 })
    assert.equal(config.tunnels, 2)
    assert.deepEqual(config.connections[0], {
      name: 'prod',
      upstreamIdentity: 'principal',
      serviceAccounts: false,
      credential: { inCluster: {} },
      ceiling: { readOnly: true },
    })
    assert.deepEqual(parseAgentConfig(good.replace('gw.example:8443', '[::1]'), 'a').gateway, {
      host: '::1',
      port: 443,
    })
  })

  test('errors name file, line and column', () => {
    const faults: [string, string, RegExp][] = [
      ['readOnly: true', 'readonly: true', /^Error: agent.yaml:9:7: connections.0.ceiling: .*readonly/],
      [
        'credential: {inCluster: {}}',
        'credential: {token: x}',
        /^Error: agent.yaml:7:17: connections.0.credential: a credential is either/,
      ],
      ['name: prod', 'name: Prod', /^Error: agent.yaml:6:11: connections.0.name: a connection name/],
      ['kind: AgentConfig', 'kind: Agent', /^Error: agent.yaml:2:7: kind/],
      ['dataDir: /var/lib/agent\n', '', /dataDir/],
      ['https://gw.example:8443', 'http://gw.example', /gateway must be https/],
      ['https://gw.example:8443', 'https://gw.example/path', /gateway must be https/],
      ['connections:', 'connections: [', /not valid YAML/],
    ]
    for (const [from, to, expected] of faults) {
      assert.throws(() => parseAgentConfig(good.replace(from, to), 'agent.yaml'), expected, to)
    }
    const twice = `${good}  - name: prod\n    credential: {inCluster: {}}\n`
    assert.throws(() => parseAgentConfig(twice, 'agent.yaml'), /prod is there twice/)
  })
})
