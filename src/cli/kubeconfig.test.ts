import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { parse } from 'yaml'
import { createUser, type User } from '../api/testing/run-cli.ts'
import { type ServedApi, serveApi } from '../api/testing/serve-api.ts'
import { exportLine } from './kubeconfig/export-line.ts'

let api: ServedApi
let user: User
let gateway = ''

const mine = `# my clusters
apiVersion: v1
kind: Config
current-context: home   # do not touch
clusters:
- name: home
  cluster: {server: "https://home.example"}
contexts:
- {name: home, context: {cluster: home, user: me}}
users:
- name: me
  user:
    token: "hunter2"
preferences: {}
`

before(async () => {
  api = await serveApi()
  user = createUser(api, 'alice')
  gateway = new URL(api.url).host.replace(/[^a-z0-9]+/g, '-')
  mkdirSync(join(user.home, '.kube'))
  writeFileSync(join(user.home, '.kube', 'config'), mine)
  assert.equal((await user.run(['login', '--code', 'open-sesame'])).code, 0)
})
after(() => api.close())

test('use writes a file of our own and prints the export; the kubeconfig of the user stays as it is', async () => {
  const before = statSync(join(user.home, '.kube', 'config'))
  const ran = await user.run(['connection', 'use', 'prod', '-n', 'shop'])
  assert.equal(ran.code, 0, ran.stderr)
  const file = /^export KUBECONFIG='(.*)'\n$/.exec(ran.stdout)![1]!
  assert.equal(file, join(user.home, '.config', 'sallyport', 'kubeconfigs', `${gateway}.yaml`))
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const config = parse(readFileSync(file, 'utf8'))
  assert.equal(config['current-context'], `prod@${gateway}`)
  assert.deepEqual(
    config.contexts.map((c: { name: string }) => c.name),
    [`prod@${gateway}`, `staging@${gateway}`],
  )
  assert.equal(config.contexts[0].context.namespace, 'shop')
  assert.equal(config.clusters[0].cluster.server, `${api.url}/k/prod`)
  assert.equal(
    Buffer.from(config.clusters[0].cluster['certificate-authority-data'], 'base64').toString(),
    api.ca,
  )
  const { exec } = config.users[0].user
  assert.deepEqual(exec.args.slice(-5), ['credential', '--gateway', api.url, '--connection', 'prod'])
  assert.equal(exec.provideClusterInfo, true)
  assert.equal(exec.interactiveMode, 'IfAvailable')
  assert.equal(config.extensions[0].name, 'sallyport.dev')
  const after = statSync(join(user.home, '.kube', 'config'))
  assert.equal(readFileSync(join(user.home, '.kube', 'config'), 'utf8'), mine)
  assert.deepEqual([after.mtimeMs, after.ino], [before.mtimeMs, before.ino])
  assert.doesNotMatch(readFileSync(file, 'utf8'), /signed-in|session-token|open-sesame/)
})

test('the exec entry works as kubectl runs it, without PATH and without our environment', async () => {
  const out = join(api.dir, 'elsewhere.yaml')
  assert.equal((await user.run(['connection', 'use', 'prod', '--kubeconfig-out', out])).code, 0)
  const config = parse(readFileSync(out, 'utf8'))
  const { command, args } = config.users[0].user.exec
  const { server } = config.clusters[0].cluster
  const info = {
    apiVersion: 'client.authentication.k8s.io/v1',
    spec: { interactive: false, cluster: config.clusters[0].cluster },
  }
  const answer = await new Promise<string>((resolve, reject) => {
    import('node:child_process').then(({ execFile }) =>
      execFile(
        command,
        args,
        { env: { HOME: user.home, KUBERNETES_EXEC_INFO: JSON.stringify(info) } },
        (error, stdout, stderr) => (error === null ? resolve(stdout) : reject(new Error(stderr))),
      ),
    )
  })
  assert.match(JSON.parse(answer).status.token, /^session-token/)
  assert.equal(server, `${api.url}/k/prod`)
})

test('an unknown connection names those that there are', async () => {
  const ran = await user.run(['connection', 'use', 'prd'])
  assert.equal(ran.code, 1)
  assert.match(ran.stderr, /did you mean prod\?/)
})

test('merge adds our contexts, keeps every other byte that matters, backs up, and never moves current-context', async () => {
  const file = join(user.home, '.kube', 'config')
  const ran = await user.run(['connection', 'use', 'prod', '--merge'])
  assert.equal(ran.code, 0, ran.stderr)
  assert.equal(ran.stdout, `kubectl config use-context prod@${gateway}\n`)
  const text = readFileSync(file, 'utf8')
  const config = parse(text)
  assert.equal(config['current-context'], 'home')
  assert.match(text, /# my clusters/)
  assert.match(text, /# do not touch/)
  assert.equal(config.users[0].user.token, 'hunter2')
  assert.deepEqual(
    config.contexts.map((c: { name: string }) => c.name),
    ['home', `prod@${gateway}`, `staging@${gateway}`],
  )
  const [backup] = readdirSync(join(user.home, '.kube')).filter(name =>
    name.startsWith('config.before-sallyport-'),
  )
  assert.equal(readFileSync(join(user.home, '.kube', backup!), 'utf8'), mine)
  // A second time replaces ours and adds nothing.
  assert.equal((await user.run(['connection', 'use', 'prod', '--merge'])).code, 0)
  assert.equal(parse(readFileSync(file, 'utf8')).contexts.length, 3)
})

test('merge leaves a file that it cannot read alone, and follows a link', async () => {
  const broken = join(api.dir, 'broken')
  writeFileSync(broken, 'users: [{token: hunter2\n')
  const ran = await user.run(['connection', 'use', 'prod', '--merge', '--kubeconfig', broken])
  assert.equal(ran.code, 1)
  assert.match(ran.stderr, /not touched/)
  assert.doesNotMatch(ran.stderr, /hunter2/)
  assert.equal(readFileSync(broken, 'utf8'), 'users: [{token: hunter2\n')
  const real = join(api.dir, 'dotfiles-config')
  const link = join(api.dir, 'link')
  writeFileSync(real, mine)
  chmodSync(real, 0o600)
  symlinkSync(real, link)
  assert.equal((await user.run(['connection', 'use', 'prod', '--merge', '--kubeconfig', link])).code, 0)
  assert.ok(readFileSync(real, 'utf8').includes(`prod@${gateway}`))
  assert.ok(existsSync(link))
})

test('export lines are quoted for the shell that reads them', () => {
  assert.equal(exportLine('K', `/a b/it's`, { SHELL: '/bin/zsh' }, 'darwin'), `export K='/a b/it'\\''s'`)
  assert.equal(exportLine('K', `it's`, { SHELL: '/usr/bin/fish' }, 'linux'), `set -gx K 'it\\'s'`)
  assert.equal(exportLine('K', `C:\\it's`, {}, 'win32'), `$env:K = 'C:\\it''s'`)
  const line = exportLine('K', `$(touch x) \`y\` it's`, { SHELL: '/bin/sh' }, 'linux')
  const said = execFileSync('sh', ['-c', `${line}; printf %s "$K"`]).toString()
  assert.equal(said, `$(touch x) \`y\` it's`)
})
