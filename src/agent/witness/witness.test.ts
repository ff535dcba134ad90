import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { cosignatureOn } from '../../audit/log/cosignature.ts'
import { parseVerifierKey, splitNote } from '../../audit/log/note.ts'
import { type OpenAuditLog, openAuditLog } from '../../audit/open.ts'
import { recordCall } from '../../audit/testing/calls.ts'
import { openWitnessing } from '../../audit/witnesses/open-witnessing.ts'
import { AGENT_PROTOCOL } from '../../tunnel/protocol.ts'
import { smallLog } from '../../witness/testing/small-log.ts'
import { createAgent } from '../agent.ts'
import { dialGateway } from '../link/dial.ts'
import { type ServedSession, serveSession } from '../link/serve-session.ts'
import { until } from '../testing/calls.ts'
import { startGateway, type TestGateway } from '../testing/gateway.ts'
import { enrolled, type Identity, newDirectory } from '../testing/remote.ts'
import { type OpenAgentWitness, openAgentWitness } from './open-agent-witness.ts'

let gateway: TestGateway
let identity: Identity
let log: OpenAuditLog
before(async () => {
  gateway = await startGateway()
  identity = await enrolled(gateway, 'edge')
  log = await openAuditLog({ dataDir: join(newDirectory(gateway), 'log'), origin: 'log.example/agent' })
})
after(async () => {
  await log.close()
  await gateway.stop()
})

async function dial(witness: OpenAgentWitness | undefined): Promise<ServedSession> {
  const socket = await dialGateway({ host: '127.0.0.1', port: gateway.port, ...identity })
  const session = serveSession(socket, createAgent({ name: 'edge', connections: [] }), {
    software: '0.0.0-test',
    connections: [],
    liveness: { interval: 10_000, deadline: 10_000 },
    ...(witness === undefined ? {} : { witness }),
  })
  await session.ready
  return session
}

const open = (directory: string, logs: readonly string[] = []) =>
  openAgentWitness({ directory, agent: 'edge', logs, onTrouble: () => {} })

const links = () =>
  gateway.registry.witnesses().map(({ agent, witness }) => ({
    name: agent,
    vkey: witness.vkey,
    addCheckpoint: (body: Buffer, signal: AbortSignal) => witness.addCheckpoint(body, log.vkey, signal),
  }))

test('over the tunnel an agent cosigns, remembers after a restart, and is no witness while it is away', async () => {
  const directory = join(newDirectory(gateway), 'witness')
  const first = await open(directory)
  const session = await dial(first)
  await until(() => links().length === 1)
  const watching = await openWitnessing({ log, links, interval: 3_600_000, onEvent: () => {} })
  for (let number = 0; number < 20; number += 1) await recordCall(log, number)
  await log.publish()
  await watching.round()
  await watching.round()
  const note = watching.cosigned!.note
  assert.ok(cosignatureOn(splitNote(note), parseVerifierKey(first.vkey)))
  assert.equal(gateway.registry.status()[0]!.witness, first.vkey)

  session.destroy()
  await until(() => links().length === 0)
  await first.close()
  await watching.round()
  assert.equal(watching.status().witnesses[0]!.state, 'unreachable')

  const again = await open(directory)
  assert.equal(again.vkey, first.vkey)
  const second = await dial(again)
  await until(() => links().length === 1)
  const fork = smallLog(3)
  const answer = await links()[0]!.addCheckpoint(
    Buffer.from(`old 0\n\n${log.checkpoint.note}`),
    AbortSignal.timeout(5_000),
  )
  assert.equal(answer.status, 409, 'it knows what it has seen')
  const other = gateway.registry.witnesses()[0]!.witness
  const elsewhere = await other.addCheckpoint(
    await fork.request(0, 3),
    fork.signer.vkey,
    AbortSignal.timeout(5_000),
  )
  assert.equal(elsewhere.status, 200, 'another log, its first key')
  await watching.close()
  second.destroy()
  await again.close()
})

test('an agent that was told which logs to watch cosigns for no other', async () => {
  await until(() => links().length === 0)
  const witness = await open(join(newDirectory(gateway), 'witness'), [log.vkey])
  const session = await dial(witness)
  await until(() => links().length === 1)
  const fork = smallLog(3)
  const ask = async (body: Buffer, key: string) =>
    (await gateway.registry.witnesses()[0]!.witness.addCheckpoint(body, key, AbortSignal.timeout(5_000)))
      .status
  assert.equal(await ask(await fork.request(0, 3), fork.signer.vkey), 404)
  assert.equal(await ask(Buffer.from('nonsense'), 'nonsense'), 400)
  assert.equal(await ask(Buffer.from(`old 0\n\n${log.checkpoint.note}`), log.vkey), 200)
  session.destroy()
  await witness.close()
})

test('an agent that is none offers nothing, and an endless request ends its stream only', async () => {
  await until(() => !gateway.registry.status().some(one => one.connected))
  const plain = await dial(undefined)
  await until(() => gateway.registry.status().some(one => one.name === 'edge' && one.connected))
  assert.deepEqual(links(), [])
  plain.destroy()
  await until(() => !gateway.registry.status().some(one => one.name === 'edge' && one.connected))

  const directory = join(newDirectory(gateway), 'witness')
  const witness = await open(directory)
  const session = await dial(witness)
  await until(() => links().length === 1)
  const huge = links()[0]!.addCheckpoint(Buffer.alloc(1_000_000, 'a'), AbortSignal.timeout(5_000))
  await assert.rejects(huge)
  assert.equal((await links()[0]!.addCheckpoint(Buffer.from('x'), AbortSignal.timeout(5_000))).status, 400)
  session.destroy()
  await witness.close()
  rmSync(directory, { recursive: true })
})

test('a gateway that speaks version 1 is offered no witness', async () => {
  const witness = await open(join(newDirectory(gateway), 'witness'))
  const { createServer } = await import('node:tls')
  const { ensureServerCertificate } = await import('../../pki/server-certificate.ts')
  const certificate = ensureServerCertificate(gateway.authority, newDirectory(gateway), ['127.0.0.1'])
  const hello = Promise.withResolvers<Record<string, unknown>>()
  const server = createServer(
    { key: certificate.key, cert: certificate.chain, ALPNProtocols: [AGENT_PROTOCOL] },
    socket => {
      socket.on('error', () => {})
      const client = connectHttp2('https://agent', { createConnection: () => socket })
      client.on('error', () => {})
      const control = client.request({ ':method': 'POST', ':path': '/control', 'sallyport-versions': '1' })
      control.on('error', () => {})
      control.once('data', (chunk: Buffer) => hello.resolve(JSON.parse(chunk.toString())))
    },
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const session = serveSession(
    await dialGateway({ host: '127.0.0.1', port, ...identity }),
    createAgent({ name: 'edge', connections: [] }),
    { software: 'x', connections: [], liveness: { interval: 10_000, deadline: 10_000 }, witness },
  )
  assert.deepEqual(Object.keys(await hello.promise), ['type', 'software', 'connections'])
  session.destroy()
  server.close()
  await witness.close()
})
