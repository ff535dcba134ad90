import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import { assertCrosschecked } from './crosscheck.ts'
import { cli, runProgram, storeEnvironment } from './rig.ts'

/** What a newcomer sees: `up` as a person starts it, with a kubeconfig of their own, and every printed line pasted. */
let cluster: Cluster
let home: string
const env: Record<string, string> = {}

before(
  async () => {
    cluster = await startCluster()
    home = mkdtempSync(join(tmpdir(), 'sallyport-home-'))
    cpSync(cluster.agentKubeconfig, join(home, '.kube', 'config'))
    // The tour says `kubectl` where there is one: the cluster's own is put there.
    Object.assign(env, {
      HOME: home,
      KUBECONFIG: '',
      PATH: [dirname(cluster.kubectl), process.env.PATH].join(delimiter),
      ...(await storeEnvironment(home)),
    })
  },
  { timeout: 600_000 },
)
after(async () => {
  await cluster?.stop()
  if (home !== undefined) rmSync(home, { recursive: true, force: true })
})

/** What each printed line must show, in order. */
const expectations: readonly { readonly about: RegExp; readonly shows: readonly RegExp[] }[] = [
  { about: /list pods/, shows: [/No resources found|NAMESPACE/] },
  {
    about: /create a secret/,
    shows: [/secret\/tour created/, /password: c2FsbHlwb3J0Lm1hc2tlZC/, /type: Opaque/],
  },
  { about: /recorded/, shows: [/local:admin/, /secrets\/tour/, /Decision: +allow/, /secret-data/] },
  { about: /delete it/, shows: [/"tour" deleted/] },
  { about: /verify/, shows: [/ok +root/, /ok +outcomes/, /^verified$/m] },
]

test("the printed tour works line by line, and the user's kubeconfig is not touched", {
  timeout: 120_000,
}, async t => {
  const before = readFileSync(join(home, '.kube', 'config'))
  const started = performance.now()
  const child = spawn(process.execPath, [cli, 'up', '--listen', '127.0.0.1:0'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  const printed = new Promise<void>((resolve, reject) => {
    child.stdout.on('data', chunk => {
      stdout += chunk
      if (stdout.includes('Ctrl-C stops it')) resolve()
    })
    child.once('exit', code => reject(new Error(`up ended with ${code}: ${stderr}`)))
  })
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  const ended = new Promise<number | null>(resolve => child.once('exit', resolve))
  try {
    await printed
    t.diagnostic(`served after ${Math.round(performance.now() - started)} ms`)
    const steps = [...stdout.matchAll(/^ {2}# (.*)\n {2}(.*)$/gm)].map(([, about, line]) => ({
      about: about!,
      line: line!,
    }))
    assert.equal(steps.length, expectations.length)
    const [first] = steps
    const settings = /^(export .*?) && /.exec(first!.line)![1]!
    for (const [i, { about, line }] of steps.entries()) {
      await t.test(about, async () => {
        assert.match(about, expectations[i]!.about)
        const ran = await runProgram('bash', ['-c', i === 0 ? line : `${settings}; ${line}`], {
          env,
          timeout: 60_000,
        })
        assert.equal(ran.code, 0, `${line}\n${ran.stdout}\n${ran.stderr}`)
        for (const shown of expectations[i]!.shows) assert.match(ran.stdout + ran.stderr, shown)
      })
    }
    assert.match(
      stderr,
      /local:admin · delete secrets tour · .* · allowed by local-administrators\/resources · 200/,
    )
    assert.deepEqual(readFileSync(join(home, '.kube', 'config')), before)
  } finally {
    child.kill('SIGINT')
    assert.equal(await ended, 0, stderr)
  }
})

test('a second start in the same directory serves within 3 s, and knows that the exported kubeconfig is its own', {
  timeout: 60_000,
}, async t => {
  const own = join(home, '.local', 'share', 'sallyport', 'kubeconfig')
  const started = performance.now()
  const child = spawn(process.execPath, [cli, 'up', '--listen', '127.0.0.1:0', '-o', 'json'], {
    env: {
      ...process.env,
      ...env,
      KUBECONFIG: [own, join(home, '.kube', 'config')].join(delimiter),
      XDG_DATA_HOME: '',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<number | null>(resolve => child.once('exit', resolve))
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', chunk => resolve(String(chunk)))
    void ended.then(code => reject(new Error(`up ended with ${code}`)))
  })
  const milliseconds = Math.round(performance.now() - started)
  child.kill('SIGTERM')
  assert.equal(await ended, 0)
  t.diagnostic(`served after ${milliseconds} ms, warm`)
  const facts = JSON.parse(line)
  for (const field of ['url', 'caFile', 'kubeconfig', 'dataDir']) assert.equal(typeof facts[field], 'string')
  assert.equal(typeof facts.processes.gateway, 'number')
  assert.ok(facts.cluster.startsWith(join(home, '.kube', 'config')))
})

test('what both runs did is in both logs', { timeout: 60_000 }, async t => {
  const dataDir = join(home, '.local', 'share', 'sallyport')
  await assertCrosschecked(t, cluster, { dataDir, end: async () => 0, stderr: () => '' })
})
