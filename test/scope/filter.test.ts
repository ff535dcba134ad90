import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { buildProgram } from '../../testbed/build-program.ts'
import { writeKubeconfig } from '../../testbed/kubeconfig.ts'
import { type Scoped, startScoped } from './rig.ts'

/** What people who may see a part of a real cluster see of it, and what they do not. */
let here: Scoped
let goclient: string
const scratch = mkdtempSync(join(tmpdir(), 'sallyport-scope-'))

before(
  async () => {
    here = await startScoped()
    for (const namespace of ['a', 'b', 'c'])
      await here.directly('create', 'configmap', 'one', '-n', namespace, `--from-literal=of=${namespace}`)
    goclient = await buildProgram('goclient')
  },
  { timeout: 600_000 },
)
after(async () => {
  await here?.stop()
  rmSync(scratch, { recursive: true, force: true })
})

const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' }
const PARTIAL = { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' }
const PARTIAL_WATCH = { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' }
const ALL = '/api/v1/configmaps'
const INITIAL = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'

interface Named {
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

const nameOf = ({ metadata: { name, namespace } }: Named): string =>
  namespace === undefined ? name : `${namespace}/${name}`

const OURS = ['a/kube-root-ca.crt', 'a/one', 'b/kube-root-ca.crt', 'b/one']

test('a list shows the part that rules cover, in every form', { timeout: 60_000 }, async () => {
  for (const [path, headers] of [
    [ALL, {}],
    [`${ALL}?limit=1`, {}],
    [`${ALL}?resourceVersion=0`, {}],
    [`${ALL}?pretty=true`, {}],
    [ALL, PARTIAL],
    [ALL, { accept: 'application/vnd.kubernetes.protobuf,application/json' }],
  ] as const) {
    const { status, json, body } = await here.get('shop', path, headers)
    assert.equal(status, 200, body)
    assert.deepEqual(json.items.map(nameOf).sort(), OURS, path)
    assert.match(json.metadata.resourceVersion, /^\d+$/)
    assert.equal(json.metadata.continue ?? '', '')
    assert.equal(json.metadata.remainingItemCount, undefined)
  }
  for (const [query, wantsObject] of [
    ['', true],
    ['?includeObject=Object', true],
    ['?includeObject=None', false],
    ['?includeObject=None&limit=1', false],
  ] as const) {
    const { json } = await here.get('shop', ALL + query, TABLE)
    assert.equal(json.kind, 'Table')
    assert.deepEqual(
      json.rows.map((row: { cells: string[] }) => row.cells[0]).sort(),
      ['kube-root-ca.crt', 'kube-root-ca.crt', 'one', 'one'],
      query,
    )
    for (const row of json.rows) assert.equal(row.object !== null, wantsObject, query)
  }
  const names = await here.get('names', ALL)
  assert.deepEqual(names.json.items.map(nameOf).sort(), ['a/one', 'b/one', 'c/one'])
})

test('kubectl lists it, and is told once that it is a part', { timeout: 60_000 }, async () => {
  const all = await here.kubectl('shop', ['get', 'configmaps', '-A', '--no-headers'])
  assert.equal(all.code, 0, all.stderr)
  assert.deepEqual(
    all.stdout
      .trim()
      .split('\n')
      .map(line => line.split(/ +/).slice(0, 2).join('/'))
      .sort(),
    OURS,
  )
  const chunked = await here.kubectl('shop', ['get', 'configmaps', '-A', '-o', 'name', '--chunk-size=1'])
  assert.equal(chunked.stdout.trim().split('\n').length, 4)
  const first = await here.get('guarded', ALL)
  assert.match(
    `${first.headers.warning}`,
    /sallyport: filtered: only what people\/guarded allows is shown, in namespaces a"/,
  )
  assert.equal((await here.get('guarded', ALL)).headers.warning, undefined)
})

test('namespaces: exactly those that may be entered', { timeout: 60_000 }, async () => {
  const listed = await here.kubectl('shop', ['get', 'namespaces', '-o', 'name'])
  assert.equal(listed.stdout, 'namespace/a\nnamespace/b\n', listed.stderr)
  assert.equal((await here.get('shop', '/api/v1/namespaces/a')).status, 200)
  assert.equal((await here.get('shop', '/api/v1/namespaces/c')).status, 403)
  assert.equal((await here.get('shop', '/api/v1/namespaces/no-such')).status, 403)
  const watch = await here.watch('shop', `/api/v1/namespaces?${INITIAL}`)
  await watch.line(/initial-events-end/)
  await here.directly('create', 'namespace', 'd')
  await here.directly('label', 'namespace', 'c', 'x=y')
  await here.directly('label', 'namespace', 'a', 'x=y')
  await watch.line(/"MODIFIED".*"x":"y"/)
  const seen = watch.lines.map(line => JSON.parse(line).object.metadata.name ?? 'bookmark')
  assert.deepEqual(new Set(seen), new Set(['a', 'b', 'bookmark']))
  watch.close()
})

test('a part is not shown where no rule says so, where one denies, or where the cluster refuses', {
  timeout: 60_000,
}, async () => {
  const strict = await here.get('strict', ALL)
  assert.equal(strict.status, 403)
  assert.match(strict.json.message, /people\/strict would if .* filter: true to show its part/)
  const denied = await here.get('guarded', '/api/v1/secrets')
  assert.equal(denied.status, 403)
  assert.match(denied.json.message, /people\/no-secrets-of-b/)
  for (const query of ['', `?${INITIAL}`]) {
    const unmapped = await here.get('unmapped', ALL + query)
    assert.equal(unmapped.status, 403)
    assert.match(unmapped.json.message, /^configmaps is forbidden: User "sallyport:/)
  }
  // What is in no namespace is in none that a rule names; other namespaces stay closed.
  assert.equal((await here.get('shop', '/api/v1/nodes')).status, 403)
  assert.equal((await here.get('shop', '/api/v1/namespaces/c/configmaps')).status, 403)
  assert.equal((await here.get('shop', '/api/v1/namespaces/c/configmaps/one')).status, 403)
})

test('no request finds a way around the part', { timeout: 60_000 }, async () => {
  // A page's token names the object where it ends; one that a caller made begins where it likes, and shows no more.
  const token = Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: 0, start: 'c/\u0000' })).toString(
    'base64url',
  )
  for (const path of [
    `${ALL}?continue=${token}`,
    `${ALL}?fieldSelector=metadata.namespace%3Dc`,
    `${ALL}?fieldSelector=metadata.name%3Done`,
    '/api/v1/watch/configmaps?timeoutSeconds=2',
    `${ALL}?watch=1&timeoutSeconds=2&resourceVersion=0`,
    `${ALL}?includeObject=None&includeObject=Object`,
  ]) {
    const { body } = await here.get('shop', path, path.includes('include') ? TABLE : {})
    assert.doesNotMatch(body, /"namespace":"(?:c|default|kube-system)"/, path)
    assert.doesNotMatch(body, /"of":"c"/, path)
  }
  // A selector of the caller's cannot take that of the rule away.
  for (const selector of [
    'x in (a',
    'team in (red',
    '!x,',
    'team=blue,team in (',
    'a=b)',
    'team!=blue',
    ',',
    '!',
  ]) {
    const { status, json } = await here.get('blue', `${ALL}?labelSelector=${encodeURIComponent(selector)}`)
    assert.ok(status === 400 || json.items.length === 0, `${selector}: ${status}`)
  }
})

test('by labels: objects come and go as they get them and lose them', { timeout: 60_000 }, async () => {
  const empty = await here.get('blue', ALL)
  assert.deepEqual(empty.json.items, [])
  const from = await here.watch(
    'blue',
    `${ALL}?watch=true&resourceVersion=${empty.json.metadata.resourceVersion}`,
  )
  const whole = await here.watch('blue', `${ALL}?${INITIAL}`)
  await whole.line(/initial-events-end/)
  const one = '/api/v1/namespaces/c/configmaps/one'
  assert.equal((await here.get('blue', one)).status, 403)
  assert.doesNotMatch((await here.get('blue', one)).body, /"of"|"uid":"[0-9a-f]{8}-.*"data"/)
  assert.equal((await here.get('blue', one, TABLE)).status, 403)
  await here.directly('label', 'configmap', 'one', '-n', 'c', 'team=blue')
  await here.directly('label', 'configmap', 'one', '-n', 'a', 'team=red')
  await from.line(/ADDED/)
  assert.equal((await here.get('blue', one)).status, 200)
  assert.equal((await here.get('blue', one, TABLE)).status, 200)
  assert.deepEqual((await here.get('blue', ALL)).json.items.map(nameOf), ['c/one'])
  await here.directly('label', 'configmap', 'one', '-n', 'c', 'team=green', '--overwrite')
  await here.directly('label', 'configmap', 'one', '-n', 'c', 'other=thing')
  await here.directly('label', 'configmap', 'one', '-n', 'c', 'team=blue', '--overwrite')
  await here.directly('delete', 'configmap', 'one', '-n', 'c')
  for (const watch of [from, whole]) {
    await watch.line(/"MODIFIED"|"DELETED"/)
    while (watch.lines.filter(line => line.includes('DELETED')).length < 2) {
      const before = watch.lines.length
      await watch.line(new RegExp(`^(?!${watch.lines.map(escaped).join('$|')}$)`))
      assert.ok(watch.lines.length > before)
    }
    const events = watch.lines.map(line => JSON.parse(line)).filter(event => event.type !== 'BOOKMARK')
    assert.deepEqual(
      events.map(event => `${event.type} ${nameOf(event.object)}`),
      ['ADDED c/one', 'DELETED c/one', 'ADDED c/one', 'DELETED c/one'],
    )
    watch.close()
  }
  await here.directly('create', 'configmap', 'one', '-n', 'c', '--from-literal=of=c')
  await here.directly('label', 'configmap', 'one', '-n', 'a', 'team-')
})

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
}

test('while objects come and go, kubectl, an informer and raw watches see those of their namespaces alone', {
  timeout: 180_000,
}, async () => {
  const kubeconfig = join(scratch, 'shop')
  const ca = readFileSync(here.up.caFile, 'utf8')
  writeKubeconfig(kubeconfig, {
    server: `${here.up.url}/k/prod`,
    ca,
    user: { token: await here.token('shop') },
  })
  const version = (await here.get('shop', ALL)).json.metadata.resourceVersion
  const raw = await here.watch('shop', `${ALL}?${INITIAL}`)
  const fromList = await here.watch('shop', `${ALL}?watch=true&resourceVersion=${version}`)
  const table = await here.watch('shop', `${ALL}?watch=true&resourceVersion=${version}`, TABLE)
  const tableWhole = await here.watch('shop', `${ALL}?${INITIAL}`, TABLE)
  const partial = await here.watch('shop', `${ALL}?${INITIAL}`, PARTIAL_WATCH)
  // Shortly before it ends the API server tells how far the watch has come.
  const marked = await here.watch(
    'shop',
    `${ALL}?watch=true&resourceVersion=${version}&allowWatchBookmarks=true&timeoutSeconds=5`,
  )
  const informer = follow(goclient, ['--kubeconfig', kubeconfig, '--follow'])
  const get = ['get', 'configmaps', '-A', '--no-headers', '--output-watch-events', '-w']
  const kubectl = follow(here.cluster.kubectl, ['--kubeconfig', kubeconfig, ...get])
  try {
    await Promise.all([
      informer.line(/"b\/one"/),
      kubectl.line(/b +one/),
      ...[raw, tableWhole, partial].map(watch => watch.line(/initial-events-end/)),
    ])
    const wanted = new Set<string>()
    // What happens in c comes first each time: whoever saw it would have it before what he waits for.
    for (const step of ['first', 'second']) {
      for (const namespace of ['c', 'a', 'b']) {
        await here.directly('create', 'configmap', step, '-n', namespace, `--from-literal=of=${namespace}`)
        await here.directly('label', 'configmap', step, '-n', namespace, 'changed=yes')
        if (namespace !== 'c') wanted.add(`${namespace}/${step}`)
      }
    }
    for (const namespace of ['c', 'a', 'b'])
      await here.directly('delete', 'configmap', 'first', 'second', '-n', namespace)
    await Promise.all([
      raw.line(/"DELETED".*"name":"second","namespace":"b"/),
      fromList.line(/"DELETED".*"name":"second","namespace":"b"/),
      ...[table, tableWhole, partial].map(watch => watch.line(/"DELETED".*"name":"second","namespace":"b"/)),
      informer.line(/"deleted","object":"b\/second"/),
      kubectl.line(/DELETED +b +second/),
    ])
    for (const watch of [raw, fromList, partial]) {
      const events = watch.lines.map(line => JSON.parse(line)).filter(event => event.type !== 'BOOKMARK')
      for (const { object } of events) assert.match(object.metadata.namespace, /^[ab]$/)
      for (const type of ['ADDED', 'MODIFIED', 'DELETED']) {
        const of = events.filter(event => event.type === type).map(event => nameOf(event.object))
        assert.deepEqual(new Set(of.filter(name => !OURS.includes(name))), wanted, type)
      }
    }
    const rows = table.lines.map(line => JSON.parse(line)).filter(event => event.type !== 'BOOKMARK')
    // The first event is of an object in c, and it alone has the columns.
    assert.ok(rows[0].object.columnDefinitions.length > 0)
    assert.deepEqual(new Set(rows.map(event => nameOf(event.object.rows[0].object))), wanted)
    const whole = tableWhole.lines.map(line => JSON.parse(line)).filter(event => event.type !== 'BOOKMARK')
    assert.ok(whole[0].object.columnDefinitions.length > 0)
    assert.deepEqual(
      new Set(whole.map(event => nameOf(event.object.rows[0].object))),
      new Set([...OURS, ...wanted]),
    )
    const mark = JSON.parse(await marked.line(/"BOOKMARK"/))
    assert.ok(Number(mark.object.metadata.resourceVersion) >= Number(version))
    assert.equal(mark.object.metadata.name, undefined)
    assert.equal((await marked.ended).clean, true)
    const told = informer.lines.map(line => JSON.parse(line) as { event: string; object: string })
    assert.deepEqual(
      new Set(told.filter(one => one.event === 'added').map(one => one.object)),
      new Set([...OURS, ...wanted]),
    )
    assert.deepEqual(new Set(told.filter(one => one.event === 'deleted').map(one => one.object)), wanted)
    const printed = kubectl.lines.map(line => line.split(/ +/).slice(0, 3))
    assert.deepEqual(new Set(printed.map(([, namespace]) => namespace)), new Set(['a', 'b']))
    for (const type of ['ADDED', 'MODIFIED', 'DELETED']) {
      const of = printed.filter(([one]) => one === type).map(([, namespace, name]) => `${namespace}/${name}`)
      assert.deepEqual(new Set(of.filter(name => !OURS.includes(name))), wanted, type)
    }
  } finally {
    for (const watch of [raw, fromList, table, tableWhole, partial, marked]) watch.close()
    informer.stop()
    kubectl.stop()
  }
})

interface Followed {
  readonly lines: readonly string[]
  line(matching: RegExp): Promise<void>
  stop(): void
}

/** A program that goes on printing. */
function follow(command: string, args: readonly string[]): Followed {
  const child: ChildProcess = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const lines: string[] = []
  const waiting = new Set<() => void>()
  let errors = ''
  let over = false
  child.stderr!.on('data', chunk => {
    errors += chunk
  })
  createInterface({ input: child.stdout! }).on('line', line => {
    lines.push(line)
    for (const wake of waiting) wake()
  })
  child.once('close', () => {
    over = true
    for (const wake of waiting) wake()
  })
  return {
    lines,
    line: matching =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = lines.some(line => matching.test(line))
          if (!found && !over) return
          waiting.delete(look)
          if (found) resolve()
          else reject(new Error(`ended without ${matching}: ${lines.join('\n')}\n${errors}`))
        }
        waiting.add(look)
        look()
      }),
    stop: () => void child.kill('SIGTERM'),
  }
}

test('questions about oneself: cluster and policy together', { timeout: 60_000 }, async () => {
  const can = async (user: string, ...args: string[]) => {
    const { code, stdout, stderr } = await here.kubectl(user, ['auth', 'can-i', ...args])
    return { code, said: `${stdout}${stderr}` }
  }
  assert.match((await can('shop', 'list', 'configmaps', '-n', 'a')).said, /^yes/)
  assert.match((await can('shop', 'list', 'configmaps', '-n', 'c')).said, /^no - sallyport: denied by policy/)
  const all = await can('shop', 'list', 'configmaps', '-A')
  assert.match(all.said, /^yes/)
  assert.match(all.said, /allowed in part: what people\/shop covers is shown/)
  assert.match((await can('unmapped', 'list', 'configmaps', '-n', 'a')).said, /^no/)
  assert.doesNotMatch((await can('unmapped', 'list', 'configmaps', '-n', 'a')).said, /denied by policy/)
  const depends = await can('bodied', 'create', 'configmaps', '-n', 'a')
  assert.match(depends.said, /^no - .*sallyport: it depends on what is sent: people\/bodied/)
  assert.equal(depends.said.split('depends').length, 2)
  const rules = async (user: string, namespace: string): Promise<Record<string, unknown>[]> => {
    const list = await here.kubectl(user, ['auth', 'can-i', '--list', '-n', namespace, '--no-headers'])
    assert.equal(list.code, 0, list.stderr)
    return list.stdout
      .split('\n')
      .filter(line => /^\S/.test(line))
      .map(line => ({ resource: line.split(/ +/)[0], verbs: /\[([^[]*)\]$/.exec(line.trim())?.[1] }))
  }
  // Whoever may do nothing else may ask about himself.
  const other = (list: Record<string, unknown>[]): Set<unknown> =>
    new Set(list.map(rule => rule.resource).filter(name => !/^selfsubject/.test(`${name}`)))
  const inA = await rules('shop', 'a')
  assert.deepEqual(other(inA), new Set(['configmaps', 'events', 'namespaces']))
  assert.equal(inA.find(rule => rule.resource === 'configmaps')?.verbs, 'get list watch')
  assert.ok(inA.some(rule => rule.resource === 'selfsubjectreviews.authentication.k8s.io'))
  assert.deepEqual(other(await rules('shop', 'c')), new Set())
  // Who has no rights in the cluster has none by policy.
  assert.deepEqual(other(await rules('unmapped', 'a')), new Set())
})

test('the trail says how many objects were left out, and holds none of them', {
  timeout: 60_000,
}, async () => {
  const { headers } = await here.get('shop', ALL)
  const shown = await here.command('bob', ['audit', 'show', `${headers['audit-id']}`, '-o', 'json'])
  assert.equal(shown.code, 0, shown.stderr)
  assert.match(shown.stdout, /"hidden": ?[1-9]/)
  assert.match(shown.stdout, /people\/shop/)
  const text = Buffer.from(shown.stdout)
  assert.equal(text.includes('"of":"c"'), false)
  assert.equal(text.includes('\\"of\\":\\"a\\"'), true)
  assert.equal(text.includes('\\"of\\":\\"c\\"'), false)
})
