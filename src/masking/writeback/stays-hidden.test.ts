import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { maskRequest } from '../request/mask-request.ts'
import { shippedEngine } from '../testing/shipped.ts'
import { readAtlas } from './atlas.ts'
import { homeInManifest, homeInRelease, readReleases } from './helm-release.ts'
import { restoreBody, type WriteForm } from './restore-body.ts'
import { uncovered } from './stays-hidden.ts'

const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64')
const engine = shippedEngine()
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
const PLAIN = 'letmein'

function view(object: object, kind: string, form = 'object'): Buffer {
  const masked = maskRequest(engine, Buffer.from(JSON.stringify(object)), { group: '', kind }, form)
  return Buffer.concat(masked!.bytes)
}

/** What becomes of a write that was made from the view of `live`. */
function write(live: object, kind: string, form: WriteForm, change: (seen: string) => string): string {
  const seen = view(live, kind)
  const atlas = readAtlas(Buffer.from(JSON.stringify(live)), seen)!
  const body = Buffer.from(change(seen.toString()))
  const restored = restoreBody(body, form, atlas)
  if (restored === null || 'misplaced' in restored) return 'misplaced'
  const masked = maskRequest(engine, restored.bytes, { group: '', kind }, form)!
  const open = uncovered(body, restored.bytes, Buffer.concat(masked.bytes))
  return open === null ? restored.bytes.toString() : `open at ${open}`
}

const metadata = { name: 'a', namespace: 'n', uid: 'u', resourceVersion: '7' }
const data = { door: base64(PLAIN) }
const secret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: {
    ...metadata,
    annotations: {
      [LAST_APPLIED]: JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' }, data }),
    },
  },
  data,
}
const manifest = `apiVersion: v1\nkind: Secret\nmetadata:\n  name: login\ndata:\n  door: ${base64(PLAIN)}\n`
const inLetters = manifest.replace('\ndata:', '\nstringData:').replace(base64(PLAIN), PLAIN)
const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'all.yaml': inLetters } }

describe('what is restored stays hidden', () => {
  test('written back as it was seen, also beside a change, it is what it was', () => {
    const kept = JSON.parse(write(secret, 'Secret', 'object', seen => seen.replace('"v1"', '"v1" ')))
    assert.deepEqual(kept, secret)
    const changed = write(configMap, 'ConfigMap', 'object', seen =>
      seen.replace('name: login', 'name: other'),
    )
    assert.deepEqual(JSON.parse(changed).data['all.yaml'], inLetters.replace('login', 'other'))
  })

  test('a copy in an annotation that calls itself another kind is refused', () => {
    const change = (seen: string) => seen.replaceAll('\\"kind\\":\\"Secret\\"', '\\"kind\\":\\"Note\\"')
    assert.match(write(secret, 'Secret', 'object', change), /^open at \/metadata\/annotations/)
    const patch = (seen: string) =>
      JSON.stringify({ metadata: { annotations: JSON.parse(change(seen)).metadata.annotations } })
    assert.match(write(secret, 'Secret', 'merge-patch', patch), /^open at /)
  })

  test('a manifest in a text that becomes one of another kind is refused', () => {
    const change = (seen: string) => seen.replace('kind: Secret', 'kind: Note')
    assert.equal(write(configMap, 'ConfigMap', 'object', change), 'open at /data/all.yaml')
    const commented = (seen: string) => seen.replace('kind: Secret', '# kind')
    assert.equal(write(configMap, 'ConfigMap', 'object', commented), 'open at /data/all.yaml')
  })
})

function release(version: number, content: object): object {
  const packed = base64(base64(gzipSync(JSON.stringify(content))))
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'helm.sh/release.v1',
    metadata: {
      name: `sh.helm.release.v1.shop.v${version}`,
      namespace: 'n',
      uid: `u${version}`,
      resourceVersion: String(version),
      labels: { owner: 'helm', name: 'shop', version: String(version) },
    },
    data: { release: packed },
  }
}

const content = {
  name: 'shop',
  version: 1,
  config: { password: 'kP8rQ2zLw9XtB4' },
  manifest: `---\n${manifest}---\n${inLetters.replace('login', 'token')}---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: plain\ndata:\n  a: b\n`,
  hooks: [],
}

describe('releases of Helm', () => {
  const list = Buffer.from(
    JSON.stringify({ items: [release(1, content), release(2, { ...content, version: 2 })] }),
  )
  const releases = [...readReleases(list, item => view(JSON.parse(item.toString()), 'Secret'))]
  const seenOf = (version: number): string =>
    releases.find(r => r.atlas.resourceVersion === String(version))!.seen.bytes.toString()
  const { atlas } = releases[1]!
  const next = (text: string, from = releases[1]!) => {
    const body = Buffer.from(JSON.stringify(release(3, JSON.parse(text))))
    const found = restoreBody(body, 'object', {
      ...atlas,
      ...homeInRelease(from),
      resourceVersion: null,
    })
    if (found === null || 'misplaced' in found) return 'misplaced'
    const masked = maskRequest(engine, found.bytes, { group: '', kind: 'Secret' }, 'object')!
    const open = uncovered(body, found.bytes, Buffer.concat(masked.bytes))
    return open === null ? found.count : `open at ${open}`
  }

  test('come newest first, and the view of each hides what is secret', () => {
    assert.deepEqual(
      releases.map(r => r.atlas.resourceVersion),
      ['2', '1'],
    )
    for (const version of [1, 2]) {
      assert.ok(!seenOf(version).includes(base64(PLAIN)) && !seenOf(version).includes('kP8rQ2zLw9XtB4'))
    }
  })

  test('a next version keeps what stands where it stood in the older one', () => {
    assert.equal(next(seenOf(1)), 1)
    assert.equal(next(seenOf(1).replace('"version":1', '"version":3')), 1)
  })

  test('also in the templates of its chart, which stand there in base64', () => {
    for (const name of ['a', 'ab', 'abc']) {
      const template = `kind: Secret\nmetadata:\n  name: {{ .Release.Name }}-${name}\ndata:\n  door: {{ .Values.door | b64enc }}\n  locks: {{ .x | toString | b64enc }}\n`
      const chart = { templates: [{ name: 'templates/secret.yaml', data: base64(template) }] }
      const list = Buffer.from(JSON.stringify({ items: [release(1, { ...content, chart })] }))
      const [one] = [...readReleases(list, item => view(JSON.parse(item.toString()), 'Secret'))]
      const seen = one!.seen.bytes.toString()
      assert.ok(!seen.includes(base64(template)))
      assert.equal(next(seen, one!), 1)
    }
  })

  test('also a registry credential of its manifest, in which placeholders stand within base64', () => {
    const auths = {
      'registry.example.com': { username: 'bob', password: 'kP8rQ2zLw9Xt', auth: 'Ym9iOmtQOHJR' },
    }
    const pull = `${manifest}  .dockerconfigjson: ${base64(JSON.stringify({ auths }))}\n---\n${inLetters}`
    const list = Buffer.from(JSON.stringify({ items: [release(1, { ...content, manifest: pull })] }))
    const [one] = [...readReleases(list, item => view(JSON.parse(item.toString()), 'Secret'))]
    const seen = one!.seen.bytes.toString()
    assert.ok(!seen.includes(base64(JSON.stringify({ auths })).slice(80, 120)))
    assert.equal(next(seen, one!), 1)
    const of = { group: '', kind: 'Secret', namespace: 'n', name: 'login' }
    assert.equal(homeInManifest(one!, of)!.at('/data/.dockerconfigjson').length, 1)
  })

  test('and nothing else: another place, another line, another version, another kind of manifest', () => {
    const { config } = JSON.parse(seenOf(1))
    assert.equal(next(seenOf(1).replace('"config":{', `"config":{"motd":"${config.password}",`)), 'misplaced')
    assert.equal(next(seenOf(1).replace('  door: ', '  window: ')), 'misplaced')
    assert.equal(next(seenOf(2)), 'misplaced')
    // The text of the manifest has a value in base64, of which nothing is known by its line.
    assert.equal(next(seenOf(1).replace('kind: Secret', 'kind: Note')), 'misplaced')
    const readable = { ...content, manifest: inLetters }
    const [only] = readReleases(Buffer.from(JSON.stringify({ items: [release(1, readable)] })), item =>
      view(JSON.parse(item.toString()), 'Secret'),
    )
    const seen = only!.seen.bytes.toString()
    assert.equal(next(seen, only!), 1)
    assert.match(
      String(next(seen.replace('kind: Secret', 'kind: Note'), only!)),
      /^open at \/data\/release#\/manifest/,
    )
  })

  test('an object has its home in the manifest only under its own kind, group, name and namespace', () => {
    const of = { group: '', kind: 'Secret', namespace: 'n', name: 'login' }
    const home = homeInManifest(releases[1]!, of)!
    const [masking] = home.at('/data/door')
    assert.equal(masking!.real, base64(PLAIN))
    assert.deepEqual(home.at('/data/window'), [])
    for (const other of [{ kind: 'ConfigMap' }, { group: 'x' }, { name: 'logi' }, { name: 'other' }]) {
      assert.equal(homeInManifest(releases[1]!, { ...of, ...other }), null)
    }
    const elsewhere = { ...content, manifest: manifest.replace('name: login', 'name: login\n  namespace: m') }
    const [far] = readReleases(Buffer.from(JSON.stringify({ items: [release(1, elsewhere)] })), item =>
      view(JSON.parse(item.toString()), 'Secret'),
    )
    assert.equal(homeInManifest(far!, of), null)
    assert.notEqual(homeInManifest(far!, { ...of, namespace: 'm' }), null)
  })
})
