import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildProgram } from '../../testbed/build-program.ts'
import { pluginToken } from '../clients/plugin-token.ts'
import { openSides, type Sides } from '../clients/sides.ts'
import { type Answered, call, openStream } from '../e2e/call.ts'
import { type Direct, directly } from '../e2e/direct.ts'
import { runProgram } from '../e2e/rig.ts'
import { seeded } from '../parity/random.ts'

/**
 * Secrets that many clients read masked and write back in every way, while somebody changes their values directly. In
 * etcd each value is one that somebody meant, and none comes back after it was replaced; no answer shows one.
 * The seed is printed; `SALLYPORT_SEED` repeats the choices (not the races).
 */
const SECRETS = '/api/v1/namespaces/tour-gateway/secrets'
const CYCLES = Number(process.env.SALLYPORT_CYCLES ?? '2000')
const GO_CYCLES = Math.ceil(CYCLES / 10)
const NAMES = Array.from({ length: 8 }, (_, i) => `s${i}`)
const KEYS = ['a', 'b', 'c.json', 'd']

let sides: Sides
let direct: Direct
let token: string
let random: () => number

/** All values that anybody meant, by secret and key, in order. */
const meant = new Map<string, Set<string>>()
const base64 = (text: string) => Buffer.from(text).toString('base64')

before(
  async () => {
    sides = await openSides({ nodes: [], controllerManager: false })
    direct = directly(sides.cluster.kubeconfig)
    token = await pluginToken(sides.gateway.kubeconfig)
  },
  { timeout: 600_000 },
)
after(() => sides?.close())

function newValue(name: string, key: string): string {
  const secret = randomBytes(12).toString('hex')
  const value = key.endsWith('.json') ? JSON.stringify({ user: 'u', password: secret }) : `value-${secret}`
  const place = `${name}/${key}`
  meant.set(place, (meant.get(place) ?? new Set()).add(value))
  return value
}

const shown = (text: string) => {
  for (const values of meant.values()) {
    for (const value of values) if (text.includes(value) || text.includes(base64(value))) return value
  }
  return undefined
}

async function through(
  path: string,
  method = 'GET',
  body?: unknown,
  type = 'application/json',
): Promise<Answered> {
  const headers = { 'content-type': type }
  const answer = await call(sides.up, `/k/${sides.up.connection}${path}`, {
    token,
    method,
    timeout: 60_000,
    ...(body === undefined ? {} : { body, headers }),
  })
  assert.equal(shown(answer.body), undefined, `${method} ${path} shows a value`)
  return answer
}

const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!

/** One read, and one write of what was read, with a change beside it. Returns what it did and the status. */
async function cycle(n: number): Promise<string> {
  const name = pick(NAMES)
  const path = `${SECRETS}/${name}`
  const read = await through(path)
  assert.equal(read.status, 200, read.body)
  const object = read.json
  const key = pick(KEYS)
  const change = { metadata: { annotations: { n: String(n) } } }
  const dryRun = random() < 0.1 ? 'dryRun=All' : ''
  const ways: Record<string, () => Promise<Answered>> = {
    put() {
      object.metadata.annotations = { ...object.metadata.annotations, n: String(n) }
      return through(`${path}?${dryRun}`, 'PUT', object)
    },
    'put without version'() {
      delete object.metadata.resourceVersion
      object.metadata.annotations = { n: String(n) }
      return through(`${path}?${dryRun}`, 'PUT', object)
    },
    'put of a new value'() {
      if (dryRun === '') object.data[key] = base64(newValue(name, key))
      return through(path, 'PUT', object)
    },
    merge: () =>
      through(`${path}?${dryRun}`, 'PATCH', { ...change, data: object.data }, 'application/merge-patch+json'),
    strategic: () =>
      through(
        `${path}?${dryRun}`,
        'PATCH',
        { ...change, data: { [key]: object.data[key] } },
        'application/strategic-merge-patch+json',
      ),
    'json patch': () =>
      through(
        `${path}?${dryRun}`,
        'PATCH',
        [
          { op: 'add', path: '/metadata/labels', value: { n: String(n) } },
          { op: 'replace', path: `/data/${key}`, value: object.data[key] },
        ],
        'application/json-patch+json',
      ),
    apply: () =>
      through(
        `${path}?fieldManager=m${n % 3}&force=true&${dryRun}`,
        'PATCH',
        { apiVersion: 'v1', kind: 'Secret', metadata: { name }, data: object.data },
        'application/apply-patch+yaml',
      ),
    'apply of one': () =>
      through(
        `${path}?fieldManager=n${n % 3}&force=true&${dryRun}`,
        'PATCH',
        { apiVersion: 'v1', kind: 'Secret', metadata: { name }, data: { [key]: object.data[key] } },
        'application/apply-patch+yaml',
      ),
    'to another key': () =>
      through(path, 'PATCH', { data: { [`x${key}`]: object.data[key] } }, 'application/merge-patch+json'),
    'to another Secret'() {
      const other = pick(NAMES.filter(one => one !== name))
      return through(
        `${SECRETS}/${other}`,
        'PATCH',
        { data: { [key]: object.data[key] } },
        'application/merge-patch+json',
      )
    },
  }
  const way = pick(Object.keys(ways))
  const answer = await ways[way]!()
  const isCopy = way.startsWith('to another')
  assert.ok(isCopy ? answer.status === 422 : [200, 409].includes(answer.status), `${way}: ${answer.body}`)
  return `${way} ${answer.status}`
}

test('cycles of reading and writing back, with races', { timeout: 900_000 }, async t => {
  const seed = Number(process.env.SALLYPORT_SEED ?? Math.floor(Math.random() * 2 ** 31))
  t.diagnostic(`seed ${seed}`)
  random = seeded(seed).next
  for (const name of NAMES) {
    const data = Object.fromEntries(KEYS.map(key => [key, base64(newValue(name, key))]))
    const body = { apiVersion: 'v1', kind: 'Secret', metadata: { name }, data }
    assert.equal((await direct(SECRETS, { method: 'POST', body })).status, 201)
  }
  const goclient = await buildProgram('goclient')
  const counts = new Map<string, number>()
  let done = 0
  let changes = 0
  /** Values that were in etcd, by place, in order: read by whoever changes them directly. */
  const history = new Map<string, string[]>()
  async function look(name: string): Promise<void> {
    const { json } = await direct(`${SECRETS}/${name}`)
    for (const key of Object.keys(json.data)) {
      assert.ok(KEYS.includes(key), `${name} has a key ${key} that nobody made`)
      const value = Buffer.from(json.data[key], 'base64').toString()
      const place = `${name}/${key}`
      assert.ok(meant.get(place)!.has(value), `${place} holds what nobody meant: ${value}`)
      const seen = history.get(place) ?? []
      if (seen.at(-1) !== value) {
        assert.ok(!seen.includes(value), `${place} went back to an older value`)
        history.set(place, [...seen, value])
      }
    }
    assert.deepEqual(Object.keys(json.data).sort(), KEYS)
  }
  const writers = Array.from({ length: 6 }, async () => {
    while (done < CYCLES) {
      const what = await cycle(done++)
      counts.set(what, (counts.get(what) ?? 0) + 1)
    }
  })
  const racer = (async () => {
    while (done < CYCLES) {
      // Often enough that writes collide, seldom enough that most go through.
      if (changes * 5 > done) {
        await sleep(10)
        continue
      }
      const name = pick(NAMES)
      const key = pick(KEYS)
      const body = { data: { [key]: base64(newValue(name, key)) } }
      await direct(`${SECRETS}/${name}`, { method: 'PATCH', body, type: 'application/merge-patch+json' })
      changes++
      await look(name)
    }
  })()
  const go = runProgram(
    goclient,
    [
      '-kubeconfig',
      sides.gateway.kubeconfig,
      '-namespace',
      'tour-gateway',
      '-secret-updates',
      String(GO_CYCLES),
      '-timeout',
      '10m',
    ],
    { timeout: 800_000 },
  )
  const watched = await openStream(sides.up, `/k/${sides.up.connection}${SECRETS}?watch=1`, {
    token,
    timeout: 900_000,
  })
  const kubectl = (async () => {
    for (let i = 0; i < 20; i++) {
      const name = pick(NAMES)
      const read = await sides.kubectl(sides.gateway, ['get', 'secret', name, '-o', 'yaml'])
      assert.equal(read.code, 0, read.stderr)
      const file = read.stdout.replace(/^metadata:$/m, `metadata:\n  labels: {k: k${i}}`)
      const args = pick([
        ['apply', '-f', '-'],
        ['replace', '-f', '-'],
        ['apply', '--server-side', '--force-conflicts', '-f', '-'],
      ])
      const stripped = file.replace(/^ {2}(?:managedFields|resourceVersion):[\s\S]*?(?=^ {2}\w|^\w)/gm, '')
      const ran = await sides.kubectl(sides.gateway, args, stripped)
      const conflict = /object has been modified|Conflict|the object has been/.test(ran.stderr)
      assert.ok(ran.code === 0 || conflict, ran.stderr)
      const what = `kubectl ${args.slice(0, 2).join(' ')} ${ran.code}`
      counts.set(what, (counts.get(what) ?? 0) + 1)
      assert.equal(shown(ran.stdout + ran.stderr + read.stdout), undefined)
    }
  })()
  let ran: Awaited<typeof go>
  try {
    await Promise.all([...writers, racer, kubectl])
    ran = await go
  } finally {
    watched.close()
  }
  assert.equal(ran.code, 0, ran.stderr)
  for (const name of NAMES) await look(name)
  assert.ok(watched.lines.length > CYCLES / 4, `${watched.lines.length} events`)
  assert.equal(shown(watched.lines.join('\n')), undefined)
  for (const [what, count] of [...counts].sort()) t.diagnostic(`${count} x ${what}`)
  t.diagnostic(`${GO_CYCLES} cycles of client-go; ${changes} changes of values directly`)
})

test('every call of it is in both logs, and the log verifies', { timeout: 300_000 }, async t => {
  await sides.finish(t)
})
