import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { type AgentProcess, startAgent, writeAgentConfig } from './agent-process.ts'
import { call, expectStatus, openSession, signInAsAdmin } from './call.ts'
import { cli, type Ran, sallyport, startUp, type Up } from './rig.ts'

/** A gateway, an agent of its own and `sallyport witness`, three processes; the upstream is never reached. */
const scratch = mkdtempSync(join(tmpdir(), 'sallyport-witness-'))
const dataDir = join(scratch, 'gateway')
const logDir = join(dataDir, 'log')
const children: ChildProcess[] = []
let up: Up
let admin: string
let session: string
let witness: { child: ChildProcess; url: string; vkey: string }
let agent: AgentProcess
let agentKey: string

const apiVersion = 'sallyport.dev/v1'
const principals = { groups: ['local:admins'] }
const everything = { principals, verbs: ['*'], apiGroups: ['*'], resources: ['*'], riskClasses: ['*'] }
const documents = [
  { apiVersion, kind: 'Connection', metadata: { name: 'far' }, spec: { agents: ['edge'] } },
  {
    apiVersion,
    kind: 'Policy',
    metadata: { name: 'administrators' },
    spec: {
      rules: [
        { name: 'resources', effect: 'allow', match: everything },
        { name: 'sallyport', effect: 'allow', match: { principals, admin: { verbs: ['*'] } } },
      ],
    },
  },
]
const kubeconfig = {
  'current-context': 'c',
  contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
  clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
  users: [{ name: 'u', user: { token: 'nobody' } }],
}

before(
  async () => {
    const configDir = join(scratch, 'config')
    mkdirSync(configDir)
    for (const document of documents)
      writeFileSync(join(configDir, `${document.kind}.yaml`), JSON.stringify(document))
    const start = (args: readonly string[]) => startUp({ dataDir, configDir, env: { KUBECONFIG: '' }, args })
    // The log is made at the first start; only then has it a key that a witness can be given.
    await (await start([])).end()
    witness = await startWitness(0)
    const given = `${witness.vkey}=${witness.url}`
    up = await start([
      ...['--witness', given, '--witnesses-required', '3', '--witness-interval', '1s'],
      ...['--unwitnessed-after', '2s', '--unwitnessed', 'seal', '--log-level', 'error'],
    ])
    admin = await signInAsAdmin(up)
    agentKey = await startWitnessing()
    session = (await openSession(up, admin, 'far')).token
  },
  { timeout: 240_000 },
)
after(async () => {
  for (const child of children) child.kill('SIGKILL')
  await agent?.end('SIGKILL')
  await up?.stop()
  rmSync(scratch, { recursive: true, force: true })
})

async function startWitness(port: number): Promise<typeof witness> {
  const child = spawn(
    process.execPath,
    [
      ...[cli, 'witness', '--data-dir', join(scratch, 'witness'), '--log', join(logDir, 'log.vkey')],
      ...['--listen', `127.0.0.1:${port}`, '-o', 'json'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  children.push(child)
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string]
  const { url, vkey } = JSON.parse(line) as { url: string; vkey: string }
  return { child, url, vkey }
}

/** Resolves with the key of its cosignatures, as it says it itself. */
async function startWitnessing(): Promise<string> {
  const { json } = await expectStatus(201, up, '/v1/agents/tokens', {
    method: 'POST',
    token: admin,
    body: { agent: 'edge' },
  })
  const file = join(scratch, 'agent.yaml')
  writeFileSync(join(scratch, 'kubeconfig'), JSON.stringify(kubeconfig))
  writeAgentConfig(file, {
    gateway: up.url,
    dataDir: join(scratch, 'agent'),
    connections: [{ name: 'far', credential: { kubeconfig: { path: join(scratch, 'kubeconfig') } } }],
  })
  const keyIn = (said: string) => / witness cosigns the log with the key (\S+)/.exec(said)?.[1]
  agent = await startAgent(file, {
    token: json.token,
    isUp: said => keyIn(said) !== undefined && said.includes(' connected'),
  })
  return keyIn(agent.said())!
}

const status = async () =>
  (await expectStatus(200, up, '/v1/status', { token: admin })).json.log.witnessing as {
    unwitnessedSince: string | null
    overdue: boolean
    blocked: boolean
    size: number
    witnesses: { name: string; vkey: string; state: string; size: number }[]
  }

/** Asking is itself recorded, so `unwitnessedSince` is never null for long: what holds is that all cosign. */
async function until(condition: (s: Awaited<ReturnType<typeof status>>) => boolean): Promise<void> {
  const end = Date.now() + 60_000
  for (let now = await status(); !condition(now); now = await status()) {
    if (Date.now() > end) throw new Error(`it did not happen in time: ${JSON.stringify(now)}`)
    await new Promise(resolve => setTimeout(resolve, 200))
  }
}

const everybody = (s: Awaited<ReturnType<typeof status>>) =>
  s.witnesses.length === 3 && s.witnesses.every(one => one.state === 'cosigned') && !s.blocked

const list = () => call(up, '/k/far/api/v1/namespaces/default/configmaps', { token: session })
const run = (...args: string[]): Promise<Ran> =>
  sallyport(args, {
    env: { SALLYPORT_GATEWAY: up.url, SALLYPORT_CA_FILE: up.caFile, SALLYPORT_TOKEN: admin },
  })
const both = () => ['--witness', witness.vkey, '--witness', agentKey]
const verify = (...args: string[]) =>
  sallyport(['verify', ...args, '--vkey', join(logDir, 'log.vkey'), ...both()])

test('the agent, the embedded agent and the witness cosign; verify asks for both that are elsewhere', async () => {
  await until(everybody)
  const names = (await status()).witnesses.map(one => one.name).sort()
  assert.deepEqual(names, ['agent edge', 'agent embedded', witness.url])
  const agents = (await expectStatus(200, up, '/v1/status', { token: admin })).json.log.witnessing.witnesses
  assert.ok(agents.some((one: { vkey: string }) => one.vkey === agentKey))
  const verified = await verify(logDir, '--live')
  assert.equal(verified.code, 0, verified.stdout + verified.stderr)
  assert.match(verified.stdout, /ok +witnesses/)
  const shown = await run('status')
  assert.match(shown.stdout, /Witnesses: .*agent edge up to entry \d+/)
  assert.equal((await list()).status, 502, 'calls pass: the upstream is what is missing')
})

test('the witness dies: told in status, readiness, metrics and the log, and as the policy says, calls stop', async () => {
  const gone = once(witness.child, 'exit')
  witness.child.kill('SIGKILL')
  await gone
  await until(s => s.blocked)
  const refused = await list()
  assert.equal(refused.status, 503, refused.body)
  assert.deepEqual(refused.json.details.causes[0].reason, 'audit-unavailable')
  assert.match(refused.body, /unwitnessed/)
  const ready = await call(up, '/readyz')
  assert.equal(ready.status, 503)
  assert.match(ready.body, /\[-\]witnesses failed: the log is unwitnessed for too long/)
  assert.equal((await call(up, '/livez')).status, 200)
  const metrics = await expectStatus(200, up, '/metrics', { token: admin })
  assert.ok(Number(/^sallyport_audit_unwitnessed_seconds (\S+)$/m.exec(metrics.body)![1]) >= 2)
  const told = await run('audit', 'search', '--kind', 'log.unwitnessed')
  assert.match(told.stdout, /nobody witnesses the log/)
  assert.match((await run('status')).stdout, /NEW CALLS ARE REFUSED/)
})

test('it comes back with what it had seen, and everything goes on', async () => {
  witness = { ...witness, child: (await startWitness(Number(new URL(witness.url).port))).child }
  await until(everybody)
  assert.equal((await list()).status, 502)
  assert.equal((await call(up, '/readyz')).status, 200)
  const told = await run('audit', 'search', '--kind', 'log.unwitnessed')
  assert.match(told.stdout, /the log is witnessed again/)
})

test('a call is proven by files of its own, cosigned by the witness', async () => {
  const answered = await list()
  const id = answered.headers['audit-id'] as string
  const { json } = await expectStatus(200, up, `/v1/audit/entries/${id}/proofs`, { token: admin })
  const last = Math.max(...json.proofs.map((one: { index: number }) => one.index))
  await until(s => s.size > last)
  const proof = await run('audit', 'proof', id, '--out-dir', join(scratch, 'proofs'))
  assert.equal(proof.code, 0, proof.stderr)
  const files = readdirSync(join(scratch, 'proofs'))
  assert.deepEqual(files.map(name => name.split('.')[1]!.replace(/-\d+/, '')).sort(), ['intent', 'outcome'])
  for (const name of files) {
    const verified = await verify(join(scratch, 'proofs', name))
    assert.equal(verified.code, 0, verified.stdout + verified.stderr)
    assert.match(verified.stdout, new RegExp(`k8s\\.request (intent|outcome) of call ${id}`))
  }
  const text = readFileSync(join(scratch, 'proofs', files[0]!), 'utf8')
  const edited = join(scratch, 'edited.tlog-proof')
  writeFileSync(
    edited,
    text.replace(/^index (\d+)$/m, (_, index) => `index ${Number(index) + 1}`),
  )
  assert.equal((await verify(edited)).code, 6)
  assert.equal((await run('audit', 'proof', 'no-such-call')).code, 1)
})

test('an archive from the gateway is checked on a machine that has only Node', async () => {
  const file = join(scratch, 'export.tar.gz')
  const exported = await run('audit', 'export', '--out-file', file, '--records')
  assert.equal(exported.code, 0, exported.stderr)
  const target = join(scratch, 'auditor')
  mkdirSync(target)
  assert.equal(spawnSync('tar', ['-xzf', file, '-C', target]).status, 0)
  const key = readFileSync(join(logDir, 'log.vkey'), 'utf8').trim()
  const checked = spawnSync(process.execPath, ['verify.mjs', 'log', '--vkey', key, ...both(), '--live'], {
    cwd: target,
    encoding: 'utf8',
    env: {},
  })
  assert.equal(checked.status, 0, checked.stdout + checked.stderr)
  const offline = await sallyport([
    'audit',
    'export',
    '--from',
    logDir,
    '--out-file',
    join(scratch, 'offline.tar.gz'),
  ])
  assert.equal(offline.code, 0, offline.stderr)
  const anonymous = await call(up, '/v1/audit/export')
  assert.equal(anonymous.status, 401)
})

test('what the witness says of the log is enough to see that the log was rolled back', async () => {
  const kept = join(scratch, 'kept')
  const { createHash } = await import('node:crypto')
  const origin = readFileSync(join(logDir, 'checkpoint'), 'utf8').split('\n')[0]!
  const hash = createHash('sha256').update(origin).digest('hex')
  writeFileSync(kept, await (await fetch(`${witness.url}/${hash}/checkpoint`)).text())
  const good = await verify(logDir, '--live', '--old-checkpoint', kept)
  assert.equal(good.code, 0, good.stdout)
  const old = join(scratch, 'auditor', 'log')
  await until(s => s.size > Number(readFileSync(join(old, 'checkpoint'), 'utf8').split('\n')[1]))
  writeFileSync(kept, await (await fetch(`${witness.url}/${hash}/checkpoint`)).text())
  const red = await verify(old, '--live', '--old-checkpoint', kept)
  assert.equal(red.code, 6)
  assert.match(red.stdout, /the old checkpoint covers \d+ entries, this one only/)
})
