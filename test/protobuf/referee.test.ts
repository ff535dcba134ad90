import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { decodeProtobuf } from '../../src/kubernetes/protobuf/decode-protobuf.ts'

const testbed = new URL('../../testbed/', import.meta.url).pathname

function moduleDir(path: string): string {
  const dir = execFileSync('go', ['list', '-m', '-f', '{{.Dir}}', path], {
    cwd: testbed,
    encoding: 'utf8',
  }).trim()
  if (dir === '') throw new Error(`${path} is not in the module cache; run: go mod download (in testbed)`)
  return dir
}

/** JSON with every integer as the text that was written, so that int64 is compared exactly. */
function exact(text: string): unknown {
  const numbers = (_key: string, value: unknown, context: { readonly source?: string }): unknown => {
    if (typeof value !== 'number') return value
    const source = context.source ?? ''
    return /^-?\d+$/.test(source) ? `#${source}` : value
  }
  return JSON.parse(text, numbers as (key: string, value: unknown) => unknown)
}

function decoded(bytes: Uint8Array, name: string): unknown {
  // WatchEvent alone travels without its type in the envelope.
  const result = decodeProtobuf(bytes, { apiVersion: 'v1', kind: 'WatchEvent' })
  if (result.refused) assert.fail(`${name}: ${result.check}: ${result.detail}`)
  return exact(result.json.toString())
}

describe('protobuf bodies, with Go as referee', () => {
  for (const [module, path] of [
    ['k8s.io/api', 'testdata/HEAD'],
    ['k8s.io/apiextensions-apiserver', 'pkg/apis/testdata/HEAD'],
  ] as const) {
    it(`every kind of ${module}'s ${path} decodes to the JSON beside it`, t => {
      const dir = join(moduleDir(module), path)
      const files = readdirSync(dir).filter(file => file.endsWith('.pb'))
      for (const file of files) {
        const json = readFileSync(join(dir, file.replace(/\.pb$/, '.json')), 'utf8')
        assert.deepEqual(decoded(readFileSync(join(dir, file)), file), exact(json), file)
      }
      t.diagnostic(`${files.length} of ${files.length} kinds decode to their JSON`)
      assert.ok(files.length >= (module === 'k8s.io/api' ? 185 : 4))
    })
  }

  it('half-empty objects of every kind decode to what Go makes of them', t => {
    const program = new URL('./sparse/main.go', import.meta.url).pathname
    const lines = execFileSync('go', ['run', program, '7', '8'], {
      cwd: testbed,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    })
      .trim()
      .split('\n')
    for (const line of lines) {
      const tab = line.indexOf('\t')
      const json = line.slice(tab + 1)
      assert.deepEqual(decoded(Buffer.from(line.slice(0, tab), 'base64'), json.slice(0, 80)), exact(json))
    }
    t.diagnostic(`${lines.length} objects`)
    assert.ok(lines.length > 2000)
  })

  it('the committed field table is the one that the Go modules give', () => {
    const script = new URL('../../scripts/protobuf-fields.ts', import.meta.url).pathname
    execFileSync(process.execPath, [script, '--check'], { encoding: 'utf8' })
  })
})
