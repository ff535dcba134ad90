import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { stringify } from 'yaml'
import { Refusal } from '../../errors/refusal.ts'
import { issueAgentCertificate } from '../../pki/agent-certificate.ts'
import { openAuthority } from '../../pki/authority.ts'
import { keyPem, newKey } from '../../pki/key-file.ts'
import { createSigningRequest } from '../../pki/signing-request.ts'
import { createAgent } from '../agent.ts'
import { callOf, refusalOf, send, until } from '../testing/calls.ts'
import { answerJson, startStub, valuesOf } from '../testing/stub-api-server.ts'
import { parseServer } from '../upstream/target.ts'
import type { UpstreamCredential } from './credential.ts'
import { inClusterCredential } from './in-cluster.ts'
import { type KubeconfigOptions, readKubeconfig } from './kubeconfig.ts'
import { bearer, tokenFileCredential } from './token.ts'

const directory = mkdtempSync(join(tmpdir(), 'credentials-'))
after(() => rmSync(directory, { recursive: true, force: true }))
const SECRET = 'very-secret-token'
let files = 0

function write(text: string, mode = 0o600): string {
  const path = join(directory, `file-${files++}`)
  writeFileSync(path, text, { mode })
  return path
}

function config(user: object, cluster: object = {}, more: object = {}): string {
  return write(
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'here',
      contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:6443', ...cluster } }],
      users: [{ name: 'u', user }],
      ...more,
    }),
  )
}

async function load(path: string, options: KubeconfigOptions = {}): Promise<UpstreamCredential> {
  return (await readKubeconfig({ path, ...options })).credential
}

async function fault(path: string, options: KubeconfigOptions = {}): Promise<string> {
  try {
    await readKubeconfig({ path, ...options })
    return 'accepted'
  } catch (error) {
    const { message } = error as Error
    assert.doesNotMatch(message, new RegExp(SECRET), 'an error message must not hold a secret')
    return message
  }
}

describe('kubeconfig', () => {
  test('token, CA data, server name and path prefix of the current context', async () => {
    const path = config(
      { token: SECRET },
      {
        server: 'https://rancher.example/k8s/clusters/c-1/',
        'certificate-authority-data': Buffer.from('PEM').toString('base64'),
        'tls-server-name': 'inner',
      },
    )
    const before = readFileSync(path)
    const { context, credential } = await readKubeconfig({ path })
    assert.equal(context, 'here')
    assert.deepEqual(credential.target, {
      origin: 'https://rancher.example:443',
      basePath: '/k8s/clusters/c-1',
      certificateAuthority: 'PEM',
      serverName: 'inner',
    })
    assert.deepEqual(credential.current(0), { authorization: `Bearer ${SECRET}` })
    assert.doesNotMatch(credential.description, new RegExp(SECRET))
    assert.deepEqual(readFileSync(path), before)
  })

  test('another context by name; a context that is not there is an error', async () => {
    const path = config({ token: SECRET }, {}, { 'current-context': 'gone' })
    assert.match(await fault(path), /no context named "gone"/)
    assert.equal((await readKubeconfig({ path, context: 'here' })).context, 'here')
  })

  test('client certificate and key from files beside the kubeconfig, or as data', async () => {
    writeFileSync(join(directory, 'user.crt'), 'CRT')
    writeFileSync(join(directory, 'user.key'), 'KEY')
    const fromFiles = await load(config({ 'client-certificate': 'user.crt', 'client-key': 'user.key' }))
    const data = (text: string) => Buffer.from(text).toString('base64')
    const fromData = await load(
      config({ 'client-certificate-data': data('CRT'), 'client-key-data': data('KEY') }),
    )
    for (const credential of [fromFiles, fromData]) {
      assert.deepEqual(credential.current(0), {
        authorization: '',
        certificate: { certificate: 'CRT', key: 'KEY' },
      })
    }
  })

  test('what cannot be done safely is refused by name', async () => {
    assert.match(
      await fault(config({ token: SECRET }, { 'insecure-skip-tls-verify': true })),
      /insecure-skip-tls-verify/,
    )
    assert.match(await fault(config({ token: SECRET }, { 'proxy-url': 'http://p:3128' })), /proxy-url/)
    assert.match(await fault(config({ token: SECRET }, { server: 'http://127.0.0.1:8080' })), /https/)
    assert.match(await fault(config({ token: SECRET }, { server: 'https://u:p@h/' })), /plain URL/)
    for (const field of ['as', 'as-groups', 'username', 'password', 'auth-provider']) {
      assert.match(await fault(config({ token: SECRET, [field]: 'x' })), new RegExp(field))
    }
    assert.match(await fault(config({})), /no credential/)
    assert.match(await fault(config({ token: SECRET, exec: { apiVersion: 'x' } })), /more than one/)
    assert.match(await fault(config({ 'client-key-data': 'a2V5' })), /together/)
    assert.match(await fault(write('{{{')), /not valid YAML/)
    assert.match(await fault(write(`users: [{token: ${SECRET}`)), /not valid YAML/)
    assert.match(await fault(join(directory, 'missing')), /ENOENT/)
    assert.match(await fault(config({ token: 'a b' })), /bearer token/)
    assert.match(await fault(write('a: &a [x]\nb: [*a,*a]')), /YAML|no current context/)
  })

  test('insecure-skip-tls-verify is accepted only in so many words', async () => {
    const path = config({ token: SECRET }, { 'insecure-skip-tls-verify': true })
    assert.equal((await load(path, { allowInsecure: true })).target.insecure, true)
  })

  test('KUBECONFIG as a list: the first file that says it wins, missing ones are passed over', async () => {
    const first = write(
      stringify({
        'current-context': 'other',
        contexts: [{ name: 'other', context: { cluster: 'c', user: 'u' } }],
      }),
    )
    const second = config({ token: SECRET })
    const env = { KUBECONFIG: ['/nowhere/config', first, second].join(delimiter) }
    assert.equal((await readKubeconfig({ env })).context, 'other')
    const home = join(directory, 'home')
    mkdirSync(join(home, '.kube'), { recursive: true })
    writeFileSync(join(home, '.kube', 'config'), readFileSync(second))
    assert.equal((await readKubeconfig({ env: { HOME: home } })).context, 'here')
  })
})

describe('credential plugins', () => {
  const V1 = 'client.authentication.k8s.io/v1'

  /** A plugin that prints `status`; counts its runs in a file; keeps what it was given. */
  function plugin(status: string, apiVersion = V1): { command: string; runs: () => number; given: string } {
    const given = join(directory, `given-${files++}`)
    const log = `${given}.log`
    const script = `#!/bin/sh
echo run >> ${log}
printf '%s\\n' "$KUBERNETES_EXEC_INFO" "$1" "$FLAVOUR" > ${given}
cat <<'END'
{"apiVersion":"${apiVersion}","kind":"ExecCredential","status":${status}}
END
`
    const command = write(script)
    chmodSync(command, 0o700)
    return { command, given, runs: () => readFileSync(log, 'utf8').trim().split('\n').length }
  }

  const soon = new Date(Date.now() + 3_600_000).toISOString()

  test('v1 and v1beta1, arguments without a shell, environment, cluster info', async () => {
    for (const apiVersion of [V1, 'client.authentication.k8s.io/v1beta1']) {
      const { command, given } = plugin(
        JSON.stringify({ token: SECRET, expirationTimestamp: soon }),
        apiVersion,
      )
      const credential = await load(
        config({
          exec: {
            apiVersion,
            command,
            args: ['$(touch /tmp/never); a b'],
            env: [{ name: 'FLAVOUR', value: 'sweet' }],
            provideClusterInfo: true,
          },
        }),
      )
      assert.equal(credential.current(Date.now()), undefined)
      assert.deepEqual(await credential.refresh(), { authorization: `Bearer ${SECRET}` })
      const [info, argument, flavour] = readFileSync(given, 'utf8').split('\n')
      assert.equal(argument, '$(touch /tmp/never); a b')
      assert.equal(flavour, 'sweet')
      const { spec } = JSON.parse(info!)
      assert.equal(spec.interactive, false)
      assert.equal(spec.cluster.server, 'https://127.0.0.1:6443')
    }
  })

  test('cached until it ends; calls at once share one run; a 401 throws it away', async () => {
    const { command, runs } = plugin(JSON.stringify({ token: SECRET, expirationTimestamp: soon }))
    const credential = await load(config({ exec: { apiVersion: V1, command } }))
    const [first] = await Promise.all([credential.refresh(), credential.refresh(), credential.refresh()])
    assert.equal(runs(), 1)
    assert.equal(credential.current(Date.now()), first)
    assert.equal(credential.current(Date.parse(soon)), undefined)
    credential.rejected({ authorization: 'Bearer older' })
    assert.equal(credential.current(Date.now()), first)
    credential.rejected(first!)
    assert.equal(credential.current(Date.now()), undefined)
  })

  test('shortly before it ends a new one is fetched in the background', async () => {
    const { command, runs } = plugin(JSON.stringify({ token: SECRET, expirationTimestamp: soon }))
    const credential = await load(config({ exec: { apiVersion: V1, command } }))
    const first = await credential.refresh()
    assert.equal(credential.current(Date.parse(soon) - 10_000), first)
    await until(() => credential.current(Date.now()) !== first)
    assert.equal(runs(), 2)
  })

  test('failures are refusals without what the plugin printed', async () => {
    const cases = [
      [JSON.stringify({}), /neither a token/],
      [`{"token":"${SECRET}"`, /did not print JSON/],
      [JSON.stringify({ token: SECRET, expirationTimestamp: '2001-01-01T00:00:00Z' }), /expired/],
      [JSON.stringify({ token: `${SECRET}\nx` }), /characters/],
    ] as const
    for (const [status, expected] of cases) {
      const { command } = plugin(status)
      const credential = await load(config({ exec: { apiVersion: V1, command } }))
      const refusal = await refusalOf(credential.refresh())
      assert.equal(`${refusal.code} ${refusal.check}`, 'upstream-unreachable agent-credential')
      assert.match(refusal.message, expected)
      assert.doesNotMatch(refusal.message, new RegExp(SECRET))
    }
    const missing = await load(
      config({ exec: { apiVersion: V1, command: 'no-such-plugin', installHint: 'install it' } }),
    )
    assert.match((await refusalOf(missing.refresh())).message, /no-such-plugin is not installed; install it/)
    const wrong = plugin(JSON.stringify({ token: SECRET }), 'client.authentication.k8s.io/v1beta1')
    const credential = await load(config({ exec: { apiVersion: V1, command: wrong.command } }))
    assert.match((await refusalOf(credential.refresh())).message, /ExecCredential of/)
    assert.match(
      await fault(config({ exec: { apiVersion: 'client.authentication.k8s.io/v1alpha1', command: 'x' } })),
      /apiVersion/,
    )
    assert.match(
      await fault(config({ exec: { apiVersion: V1, command: 'x', interactiveMode: 'Always' } })),
      /terminal/,
    )
  })
})

describe('rotating tokens', () => {
  test('in a cluster: the token is read again after a minute, the CA from the mount', async () => {
    const mount = mkdtempSync(join(directory, 'sa-'))
    writeFileSync(join(mount, 'token'), 'one\n')
    writeFileSync(join(mount, 'ca.crt'), 'PEM')
    const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }
    const credential = await inClusterCredential({ directory: mount, env })
    assert.deepEqual(credential.target, {
      origin: 'https://[fd00::1]:443',
      basePath: '',
      certificateAuthority: 'PEM',
    })
    writeFileSync(join(mount, 'token'), 'two\n')
    assert.equal(credential.current(Date.now())?.authorization, 'Bearer one')
    credential.current(Date.now() + 61_000)
    await until(() => credential.current(Date.now())?.authorization === 'Bearer two')
    await assert.rejects(inClusterCredential({ directory: mount, env: {} }), /not in a cluster/)
  })

  test('a token file that vanished is a refusal that does not say where it was', async () => {
    const credential = tokenFileCredential(parseTarget(), join(directory, 'gone'))
    const refusal = await refusalOf(credential.refresh())
    assert.ok(refusal instanceof Refusal)
    assert.doesNotMatch(refusal.message, /gone/)
  })

  test('a bearer token is one word', () => {
    for (const token of ['', ' ', 'a b', 'a\r\nb', 'ä', 'a,b']) assert.throws(() => bearer(token))
    assert.equal(bearer(' eyJ.a_b-c~d+e/f== \n'), 'Bearer eyJ.a_b-c~d+e/f==')
  })
})

describe('through the agent', () => {
  test('a refused credential is fetched anew for the next call', async () => {
    const path = write('old')
    const stub = await startStub((request, response) => {
      const fresh = valuesOf(request.rawHeaders, 'authorization')[0] === 'Bearer new'
      answerJson(response, fresh ? 200 : 401, {})
    })
    const session = tokenFileCredential(stub.target, path)
    const agent = createAgent({
      name: 'a',
      connections: [{ name: 'prod', upstreamIdentity: 'principal', serviceAccounts: false, session }],
    })
    assert.equal((await refusalOf(send(agent, callOf()))).check, 'agent-credential')
    writeFileSync(path, 'new')
    assert.equal((await send(agent, callOf())).status, 200)
    agent.destroy()
    await stub.stop()
  })

  test('C40: a client certificate is shown to the upstream, and a new one opens new connections', async () => {
    const authority = openAuthority(mkdtempSync(join(directory, 'ca-')))
    const stub = await startStub((_, response) => answerJson(response, 200, {}), {
      clientAuthority: authority.pem,
    })
    const material = ['first', 'second'].map(name => {
      const key = newKey()
      const { certificate } = issueAgentCertificate(authority, name, createSigningRequest(key))
      return { authorization: '', certificate: { certificate, key: keyPem(key) } }
    })
    let shown = material[0]!
    const session: UpstreamCredential = {
      target: stub.target,
      description: 'test',
      current: () => shown,
      refresh: () => Promise.resolve(shown),
      rejected() {},
    }
    const agent = createAgent({
      name: 'a',
      connections: [{ name: 'prod', upstreamIdentity: 'principal', serviceAccounts: false, session }],
    })
    await send(agent, callOf())
    shown = material[1]!
    await send(agent, callOf())
    assert.deepEqual(stub.clientCertificates, ['CN=first', 'CN=second'])
    await until(() => stub.sockets.size === 1)
    agent.destroy()
    await stub.stop()
  })
})

function parseTarget() {
  return parseServer('https://127.0.0.1:1')
}
