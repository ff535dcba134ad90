import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { buildProgram } from '../../testbed/build-program.ts'
import { openSides, type Side, type Sides } from '../clients/sides.ts'
import { normalise } from '../e2e/normalise.ts'
import { type Ran, runProgram } from '../e2e/rig.ts'
import { meant, type Stored } from '../helm/stored.ts'

const chart = join(import.meta.dirname, '..', 'helm', 'chart')
const MARK = /sallyport\.masked\.[a-z0-9.-]{46}/g
const MARK_BASE64 = /c2FsbHlwb3J0Lm1hc2tlZC[A-Za-z0-9+/]{62}/g

let sides: Sides
let helm: string
let home: string
/** Made anew in each run; no scanner of repositories takes them for leaks, and no rule knows them by their look. */
const secrets = Array.from({ length: 8 }, () => randomBytes(12).toString('base64url').replace(/[-_]/g, 'x'))
const [password1, token1, password2, token2, password3, token3, password4, token4] = secrets as [
  string,
  ...string[],
]

/** Helm keeps it as a number. */
const NUMBER = '48151623'
secrets.push(NUMBER, '10000000')

before(
  async () => {
    home = mkdtempSync(join(tmpdir(), 'sallyport-helm-'))
    helm = await buildProgram('helm')
    sides = await openSides()
  },
  { timeout: 900_000 },
)
after(async () => {
  await sides?.close()
  rmSync(home, { recursive: true, force: true })
})

function run(side: Side, args: readonly string[]): Promise<Ran> {
  return runProgram(helm, ['--kubeconfig', side.kubeconfig, '--namespace', side.namespace, ...args], {
    env: { HOME: home, KUBECONFIG: '' },
  })
}

/** Secrets and what stands in their place on one footing; times as well. */
function shown(text: string): string {
  let out = text.replace(MARK, 'SECRET').replace(MARK_BASE64, 'SECRET').replaceAll('1999999991', 'SECRET')
  for (const secret of secrets) {
    out = out.replaceAll(secret, 'SECRET').replaceAll(Buffer.from(secret).toString('base64'), 'SECRET')
  }
  return normalise(out)
    .replaceAll('"SECRET"', 'SECRET')
    .replace(/\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}/g, 'TIME')
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4} \w+/g, 'TIME')
    .replace(/[ \t]+$/gm, '')
    .replace(/^RESOURCES:\n[\s\S]*?^(?=TEST SUITE)/m, anyOrder)
}

/** Helm prints the kinds of a status in no fixed order. */
function anyOrder(resources: string): string {
  const parts = resources.split('==>').map(part => part.trim())
  return parts.sort().join('\n==> ')
}

function withoutWarnings(stderr: string): string {
  const lines = stderr.split('\n').filter(line => !line.includes('Warning: sallyport: '))
  return shown(lines.join('\n'))
}

/** One command on both sides: the same but for masked values. Resolves with what came through the gateway. */
async function same(args: readonly string[], code = 0): Promise<Ran> {
  const [direct, through] = await Promise.all([run(sides.direct, args), run(sides.gateway, args)])
  assert.equal(direct.code, code, `directly: ${direct.stdout}${direct.stderr}`)
  assert.equal(through.code, code, `through the gateway: ${through.stdout}${through.stderr}`)
  assert.equal(shown(through.stdout), shown(direct.stdout))
  assert.equal(withoutWarnings(through.stderr), withoutWarnings(direct.stderr))
  return through
}

/** The same, of a command that shows what is stored: nothing secret comes through. */
async function sameRead(...args: readonly string[]): Promise<Ran> {
  const ran = await same(args)
  for (const secret of secrets) {
    for (const text of [secret, Buffer.from(secret).toString('base64')]) {
      assert.ok(!`${ran.stdout}${ran.stderr}`.includes(text), `${args.join(' ')} shows a secret`)
    }
  }
  return ran
}

async function stored(side: Side): Promise<readonly Stored[]> {
  const kinds = 'secrets,configmaps,deployments,jobs'
  const got = await sides.kubectl({ ...sides.direct, namespace: side.namespace }, [
    'get',
    kinds,
    '-o',
    'json',
  ])
  assert.equal(got.code, 0, got.stderr)
  const { items } = JSON.parse(got.stdout) as { items: Stored[] }
  // The job controller writes its own labels and selector into a job.
  return items.map(item => (item.kind === 'Job' ? { ...item, spec: undefined } : item))
}

/** What is in the cluster is what Helm meant, on both sides, and no placeholder is anywhere. */
async function assertStored(): Promise<void> {
  const [direct, through] = await Promise.all(
    [sides.direct, sides.gateway].map(async side => meant(await stored(side), side.namespace)),
  )
  assert.doesNotMatch(through!.join(), /sallyport\.masked|c2FsbHlwb3J0Lm1hc2tl|1999999991/)
  assert.deepEqual(through, direct)
}

async function passwordOf(side: Side, release: string): Promise<string> {
  const args = ['get', 'secret', `${release}-login`, '-o', 'jsonpath={.data.password}']
  const { stdout } = await sides.kubectl({ ...sides.direct, namespace: side.namespace }, args)
  return Buffer.from(stdout, 'base64').toString()
}

const reads = [
  ['history', 'shop'],
  ['status', 'shop'],
  ['get', 'values', 'shop', '--all'],
  ['get', 'manifest', 'shop'],
  ['get', 'all', 'shop'],
  ['list'],
]

describe('Helm 4 through masking', { timeout: 500_000 }, () => {
  test('installs', async () => {
    const values = `password=${password1},token=${token1},adminPassword=${NUMBER}`
    await same(['install', 'shop', chart, '--set', values, '--wait'])
    await assertStored()
  })

  test('shows what it has installed, without secrets', async () => {
    await Promise.all(reads.map(args => sameRead(...args)))
  })

  test('upgrades with --set and with a file of values', async () => {
    const values = join(home, 'values.yaml')
    writeFileSync(values, `password: ${password2}\ntoken: ${token2}\n`)
    await same(['upgrade', 'shop', chart, '-f', values, '--set', 'color=green'])
    await assertStored()
    await sameRead('history', 'shop')
    await sameRead('get', 'values', 'shop', '--revision', '1')
  })

  test('rolls back: the old values are in force again', async () => {
    await same(['rollback', 'shop', '1'])
    assert.equal(await passwordOf(sides.gateway, 'shop'), password1)
    await assertStored()
    await sameRead('history', 'shop')
    await sameRead('get', 'all', 'shop')
  })

  test('previews on the server and changes nothing', async () => {
    const preview = `password=${password3},token=${token3}`
    await same(['upgrade', 'shop', chart, '--set', preview, '--dry-run=server'])
    await same(['rollback', 'shop', '2', '--dry-run=server'])
    await assertStored()
  })

  test('values that are reused would have to flow into other places: 422 with advice, and nothing changed', async () => {
    const ran = await run(sides.gateway, ['upgrade', 'shop', chart, '--reuse-values', '--set', 'color=blue'])
    assert.equal(ran.code, 1)
    assert.match(ran.stderr, /placeholder of a masked value where its value cannot be kept/)
    assert.match(ran.stderr, /write the real value/)
    await assertStored()
    await sameRead('history', 'shop')
  })

  test('upgrades by patches of the client', async () => {
    const values = `password=${password3},token=${token3},replicas=2`
    await same(['upgrade', 'shop', chart, '--server-side=false', '--set', values])
    await assertStored()
    await same(['rollback', 'shop', '2', '--server-side=false'])
    assert.equal(await passwordOf(sides.gateway, 'shop'), password2)
    await assertStored()
  })

  test('a conflict of server-side apply is the same conflict', async () => {
    for (const side of [sides.direct, sides.gateway]) {
      const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop-settings}\ndata: {color: pink}\n'
      const args = ['apply', '--server-side', '--force-conflicts', '--field-manager=else', '-f', '-']
      const ran = await sides.kubectl({ ...sides.direct, namespace: side.namespace }, args, yaml)
      assert.equal(ran.code, 0, ran.stderr)
    }
    const upgrade = [
      'upgrade',
      'shop',
      chart,
      '--server-side=true',
      '--set',
      `password=${password4},token=${token4}`,
    ]
    await same(upgrade, 1)
    await assertStored()
    await same([...upgrade, '--force-conflicts'])
    await assertStored()
  })

  test('uninstalls and keeps the history, and rolls back from there: objects are made anew', async () => {
    await same(['uninstall', 'shop', '--keep-history'])
    await assertStored()
    await same(['rollback', 'shop', '1'])
    assert.equal(await passwordOf(sides.gateway, 'shop'), password1)
    await assertStored()
  })

  test('uninstalls', async () => {
    await same(['uninstall', 'shop'])
    await assertStored()
    await sameRead('list')
    const left = await stored(sides.gateway)
    assert.deepEqual(
      left.filter(({ kind }) => kind === 'Secret').map(({ metadata }) => metadata.name),
      [],
    )
  })
})
