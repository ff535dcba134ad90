import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildTestbed } from './build.ts'
import { buildProgram } from './build-program.ts'
import { freePorts } from './free-ports.ts'
import { writeKubeconfig } from './kubeconfig.ts'
import { type OidcProvider, startOidcProvider } from './oidc/start-provider.ts'
import { type Finished, type KubectlOptions, runKubectl } from './run-kubectl.ts'
import { type Cluster, startCluster } from './start-cluster.ts'

let cluster: Cluster
let provider: OidcProvider
const scratch = mkdtempSync(join(tmpdir(), 'sallyport-testbed-test-'))

before(async () => {
  provider = await startOidcProvider()
  const oidcCa = join(scratch, 'oidc-ca.crt')
  writeFileSync(oidcCa, provider.ca!)
  cluster = await startCluster({
    apiServerFlags: [
      `--oidc-issuer-url=${provider.issuer}`,
      '--oidc-client-id=cluster',
      `--oidc-ca-file=${oidcCa}`,
      '--oidc-username-claim=email',
      '--oidc-groups-claim=groups',
      '--oidc-groups-prefix=oidc:',
    ],
    staticTokens: [{ token: 'a-static-token', user: 'robot', groups: ['robots'] }],
  })
})

after(async () => {
  await cluster?.stop()
  await provider?.stop()
  rmSync(scratch, { recursive: true, force: true })
})

const kubectl = (args: string[], options?: KubectlOptions): Promise<Finished> =>
  runKubectl(cluster, args, options)

/** Runs kubectl and fails with its error output. */
async function ok(args: string[], options?: KubectlOptions): Promise<string> {
  const done = await kubectl(args, options)
  assert.equal(done.code, 0, `kubectl ${args.join(' ')}: ${done.stderr}`)
  return done.stdout
}

interface Container {
  readonly image?: string
  readonly command?: string[]
  readonly [field: string]: unknown
}

async function createPod(name: string, container: Container, spec: object = {}): Promise<void> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'main', image: 'shell', ...container }],
      ...spec,
    },
  }
  await ok(['create', '-f', '-'], { stdin: JSON.stringify(pod) })
}

async function waitFor(name: string, condition: string): Promise<void> {
  await ok(['wait', `pod/${name}`, `--for=${condition}`, '--timeout=30s'])
}

const shell = (script: string): string[] => ['sh', '-c', script]

/** GET with a bearer token; the status code. */
async function statusWith(token: string, path: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` }
  const ca = readFileSync(cluster.caFile)
  const sent = request(`${cluster.url}${path}`, { ca, headers, agent: false }).end()
  const [response] = await once(sent, 'response')
  response.resume()
  return response.statusCode
}

test('kubectl and the server say their version', async () => {
  const version = JSON.parse(await ok(['version', '-o', 'json']))
  assert.equal(version.clientVersion.gitVersion, 'v1.36.3')
  assert.equal(version.serverVersion.gitVersion, 'v1.36.3')
})

test("a pod's unchanged in-cluster configuration gives it its own name", async () => {
  // Without namespaces the token is not at the place where clients look.
  const token = '$CONTAINER_ROOT/var/run/secrets/kubernetes.io/serviceaccount'
  const flags = `--server=https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT --token=$(cat ${token}/token) --certificate-authority=${token}/ca.crt`
  const script = `if [ -z "$CONTAINER_ROOT" ]; then exec kubectl auth whoami -o json; else exec kubectl ${flags} auth whoami -o json; fi`
  await createPod('whoami', { command: shell(script) }, { restartPolicy: 'Never' })
  await waitFor('whoami', 'jsonpath={.status.phase}=Succeeded')
  const { userInfo } = JSON.parse(await ok(['logs', 'whoami'])).status
  assert.equal(userInfo.username, 'system:serviceaccount:default:default')
  assert.deepEqual(userInfo.extra['authentication.kubernetes.io/pod-name'], ['whoami'])
  const events = readFileSync(cluster.auditLog, 'utf8').trimEnd().split('\n')
  const own = events
    .map(line => JSON.parse(line))
    .find(each => each.user.extra?.['authentication.kubernetes.io/pod-name'])
  assert.equal(own?.user.username, 'system:serviceaccount:default:default')
})

test('a pod can have another API server and authority at the usual place', async () => {
  await ok(['create', 'configmap', 'other-ca', '--from-literal=ca.crt=OTHER CA'])
  const path = '/var/run/secrets/kubernetes.io/serviceaccount'
  const sources = [
    { serviceAccountToken: { path: 'token', audience: 'gateway', expirationSeconds: 600 } },
    { configMap: { name: 'other-ca' } },
    { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
  ]
  await createPod(
    'redirected',
    {
      image: 'pause',
      env: [
        { name: 'KUBERNETES_SERVICE_HOST', value: 'gateway.example' },
        { name: 'KUBERNETES_SERVICE_PORT', value: '8443' },
      ],
      volumeMounts: [{ name: 'access', mountPath: path }],
    },
    { volumes: [{ name: 'access', projected: { sources } }] },
  )
  await waitFor('redirected', 'condition=Ready')
  const script = `cd $CONTAINER_ROOT${path}; echo $KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT; cat ca.crt namespace; echo; cat token`
  const [address, rest, token] = (await ok(['exec', 'redirected', '--', ...shell(script)])).split('\n')
  assert.equal(address, 'gateway.example:8443')
  assert.equal(rest, 'OTHER CAdefault')
  const claims = JSON.parse(Buffer.from(token!.split('.')[1]!, 'base64url').toString())
  assert.deepEqual(claims.aud, ['gateway'])
  assert.equal(claims['kubernetes.io'].pod.name, 'redirected')
})

test('environment and volumes come from ConfigMaps, Secrets and the downward API', async () => {
  await ok(['create', 'configmap', 'settings', '--from-literal=colour=blue'])
  await ok(['create', 'secret', 'generic', 'login', '--from-literal=password=hunter2'])
  const env = [
    { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'login', key: 'password' } } },
    { name: 'GREETING', value: 'I am $(POD)' },
  ]
  const mounts = ['settings', 'login', 'shared'].map(name => ({ name, mountPath: `/data/${name}` }))
  await createPod(
    'inputs',
    {
      command: shell(
        'cd $CONTAINER_ROOT/data; echo $GREETING $PASSWORD $S_colour; cat settings/colour login/password shared/note',
      ),
      env,
      envFrom: [{ prefix: 'S_', configMapRef: { name: 'settings' } }],
      volumeMounts: mounts,
    },
    {
      restartPolicy: 'Never',
      initContainers: [
        {
          name: 'first',
          image: 'shell',
          command: shell('echo -n from init > $CONTAINER_ROOT/data/shared/note'),
          volumeMounts: mounts,
        },
      ],
      volumes: [
        { name: 'settings', configMap: { name: 'settings' } },
        { name: 'login', secret: { secretName: 'login' } },
        { name: 'shared', emptyDir: {} },
      ],
    },
  )
  await waitFor('inputs', 'jsonpath={.status.phase}=Succeeded')
  assert.equal(await ok(['logs', 'inputs']), 'I am inputs hunter2 blue\nbluehunter2from init')
})

test('logs -f follows a running pod', async () => {
  await createPod('ticker', { command: shell('while :; do i=$((i+1)); echo tick $i; sleep 0.1; done') })
  await waitFor('ticker', 'condition=Ready')
  const following = follow(['logs', '-f', 'ticker'])
  const lines: string[] = []
  for await (const line of createInterface({ input: following.stdout! })) {
    lines.push(line)
    if (line === 'tick 6') break
  }
  following.kill()
  assert.deepEqual(
    lines,
    [1, 2, 3, 4, 5, 6].map(i => `tick ${i}`),
  )
  assert.match(
    await ok(['logs', 'ticker', '--tail=1', '--timestamps']),
    /^\d{4}-\d\d-\d\dT[\d:.]+Z tick \d+\n$/,
  )
  await ok(['delete', 'pod', 'ticker', '--now'])
})

function follow(args: string[]): ChildProcess {
  const env = { KUBECONFIG: cluster.kubeconfig, HOME: cluster.dir }
  return spawn(cluster.kubectl, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
}

test('phases and restarts follow exit codes and restart policy', async () => {
  await createPod('good', { command: shell('exit 0') }, { restartPolicy: 'Never' })
  await createPod('bad', { command: shell('exit 7') }, { restartPolicy: 'Never' })
  await createPod('again', { command: shell('exit 3') })
  await createPod('no-image', { image: 'missing' })
  await waitFor('good', 'jsonpath={.status.phase}=Succeeded')
  await waitFor('bad', 'jsonpath={.status.phase}=Failed')
  await waitFor('again', 'jsonpath={.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff')
  await waitFor('no-image', 'jsonpath={.status.containerStatuses[0].state.waiting.reason}=ImagePullBackOff')
  const bad = JSON.parse(await ok(['get', 'pod', 'bad', '-o', 'json']))
  assert.equal(bad.status.containerStatuses[0].state.terminated.exitCode, 7)
  const again = JSON.parse(await ok(['get', 'pod', 'again', '-o', 'json']))
  assert.ok(again.status.containerStatuses[0].restartCount >= 1)
  await ok(['delete', 'pod', 'good', 'bad', 'again', 'no-image', '--now'])
})

test('exec, attach and port-forward work over WebSocket and SPDY', async () => {
  const [port = 0] = await freePorts(1)
  await createPod('web', { image: 'httpd', ports: [{ containerPort: port }] })
  await createPod('cat', { command: ['cat'], stdin: true })
  await waitFor('web', 'condition=Ready')
  await waitFor('cat', 'condition=Ready')
  for (const websockets of ['true', 'false']) {
    const env = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: websockets, KUBECTL_PORT_FORWARD_WEBSOCKETS: websockets }
    const script = shell('cat; echo problem >&2; exit 7')
    const done = await kubectl(['exec', '-i', 'cat', '--', ...script], { env, stdin: 'typed' })
    assert.equal(done.stdout, 'typed')
    assert.match(done.stderr, /^problem\n/)
    assert.equal(done.code, 7)
    assert.match(await forwardedGreeting(port, env), /^web answers GET \/there/)
  }
  await ok(['delete', 'pod', 'web', 'cat', '--now'])
})

async function forwardedGreeting(port: number, env: Record<string, string>): Promise<string> {
  const args = ['port-forward', 'pod/web', `:${port}`]
  const full = { ...env, KUBECONFIG: cluster.kubeconfig, HOME: cluster.dir }
  const forwarding = spawn(cluster.kubectl, args, { env: full, stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    for await (const line of createInterface({ input: forwarding.stdout })) {
      const local = /127\.0\.0\.1:(\d+)/.exec(line)?.[1]
      if (local !== undefined) return await (await fetch(`http://127.0.0.1:${local}/there`)).text()
    }
    throw new Error('kubectl port-forward ended')
  } finally {
    forwarding.kill()
  }
}

test("a deleted pod's token stops working", async t => {
  await createPod('short', { image: 'pause' })
  await waitFor('short', 'condition=Ready')
  const path = '/var/run/secrets/kubernetes.io/serviceaccount/token'
  const token = await ok(['exec', 'short', '--', ...shell(`cat $CONTAINER_ROOT${path}`)])
  assert.equal(await statusWith(token, '/api'), 200)
  await ok(['delete', 'pod', 'short', '--now'])
  const deleted = Date.now()
  while ((await statusWith(token, '/api')) !== 401) {
    assert.ok(Date.now() - deleted < 15_000, 'the token still works')
    await sleep(200)
  }
  t.diagnostic(`refused ${Date.now() - deleted} ms after the deletion`)
})

test('RBAC decides for client certificates, static tokens and OIDC tokens', async () => {
  const users = {
    certificate: cluster.clientCertificate('dana', ['testers']),
    token: { token: 'a-static-token' },
    oidc: { token: await provider.idToken('alice', { audience: 'cluster' }) },
  }
  const ca = readFileSync(cluster.caFile, 'utf8')
  const names: Record<string, string> = {}
  for (const [kind, user] of Object.entries(users)) {
    const kubeconfig = join(scratch, kind)
    writeKubeconfig(kubeconfig, { server: cluster.url, ca, user })
    const { userInfo } = JSON.parse(await ok(['auth', 'whoami', '-o', 'json'], { kubeconfig })).status
    names[kind] = `${userInfo.username} ${userInfo.groups[0]}`
    assert.match((await kubectl(['get', 'secrets'], { kubeconfig })).stderr, /forbidden/)
  }
  assert.deepEqual(names, {
    certificate: 'dana testers',
    token: 'robot robots',
    oidc: 'alice@corp.example oidc:dev',
  })
})

test('the Go client goes through all of its steps', async () => {
  const goclient = await buildProgram('goclient')
  await ok(['create', 'namespace', 'go'])
  const args = ['--kubeconfig', cluster.kubeconfig, '--namespace', 'go']
  const child = spawn(goclient, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const steps: string[] = []
  for await (const line of createInterface({ input: child.stdout })) steps.push(JSON.parse(line).step)
  assert.equal(steps.length, 21)
  assert.equal(steps.at(-1), 'content types')
})

test('a component that dies is named, with the end of its log', async () => {
  const start = startCluster({ nodes: [], apiServerFlags: ['--no-such-flag'] })
  await assert.rejects(start, /kube-apiserver ended \(1\)[\s\S]*unknown flag: --no-such-flag/)
})

test('what is missing is said', async () => {
  const without = { PATH: '/nonexistent' }
  await assert.rejects(buildTestbed({ env: without, cacheDir: scratch }), {
    name: 'TestbedUnavailable',
    message: /"go" is not in PATH: install Go .* or set KUBEBUILDER_ASSETS/,
  })
  await assert.rejects(buildTestbed({ env: { KUBEBUILDER_ASSETS: scratch } }), {
    name: 'TestbedUnavailable',
    message: /has no etcd, no kube-apiserver, no kubectl/,
  })
  const assets = join(cluster.kubectl, '..')
  const found = await buildTestbed({ env: { ...without, KUBEBUILDER_ASSETS: assets }, partial: true })
  assert.equal(found.etcd, join(assets, 'etcd'))
  assert.equal(found.kubelet, undefined)
})

test('stop leaves no process and no folder', async () => {
  await createPod('stubborn', { command: shell("trap '' TERM; while :; do sleep 86399; done") })
  await waitFor('stubborn', 'condition=Ready')
  const own = processesNaming(cluster.dir)
  assert.ok(own.length >= 4, 'the search finds the components')
  assert.ok(processesNaming('86399').length > 0, 'the search finds the pod')
  await cluster.stop()
  assert.deepEqual(processesNaming(cluster.dir), [])
  assert.deepEqual(processesNaming('86399'), [])
  assert.equal(existsSync(cluster.dir), false)
})

/** Process ids whose command line has the text (Linux; elsewhere the ids that the cluster knows). */
function processesNaming(text: string): number[] {
  if (!existsSync('/proc/self/cmdline')) return cluster.processes.map(each => each.pid).filter(isAlive)
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(name => commandLine(name).includes(text))
    .map(Number)
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return '' // gone in the meantime
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
