import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'

/**
 * Who may import whom. The layout is the architecture only as long as this holds.
 */
const root = resolve(import.meta.dirname, '..')

interface Import {
  readonly from: string
  readonly to: string
  readonly dynamic: boolean
}

function sourceFiles(dir: string): string[] {
  return readdirSync(join(root, dir)).flatMap(name => {
    const path = join(dir, name)
    if (statSync(join(root, path)).isDirectory()) return sourceFiles(path)
    return /\.(ts|mjs)$/.test(name) && !/\.test\.ts$/.test(name) ? [path] : []
  })
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8')
  const found: Import[] = []
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s(?:[^'"`;]*?\sfrom\s)?\s*'([^']+)'|(\bimport)\(\s*'([^']+)'\s*\)/g
  for (const match of text.matchAll(pattern)) {
    const specifier = match[1] ?? match[3]!
    const typeOnly = match[1] !== undefined && /^\s*(import|export)\s+type\b/.test(match[0].trimStart())
    if (typeOnly) continue
    const to = specifier.startsWith('.') ? relative(root, resolve(root, dirname(file), specifier)) : specifier
    found.push({ from: file, to, dynamic: match[2] !== undefined })
  }
  return found
}

const files = sourceFiles('src')
const imports = files.flatMap(importsOf)

function breaking(rule: (i: Import) => boolean): string[] {
  return imports.filter(rule).map(i => `${i.from} -> ${i.to}`)
}

test('the scan sees the code', () => {
  assert.ok(files.length > 50, `only ${files.length} files found`)
  assert.ok(
    imports.some(i => i.from === 'src/gateway/pipeline.ts' && i.to === 'src/gateway/stages/deliver.ts'),
  )
})

test('stages do not import each other', () => {
  assert.deepEqual(
    breaking(i => i.from.startsWith('src/gateway/stages/') && i.to.startsWith('src/gateway/stages/')),
    [],
  )
})

test("only the agent's own folder and what starts an agent import agent code; the gateway never does", () => {
  // `up` embeds an agent; `agent run` is one, and its operator's other commands read its configuration.
  const startsAgents = /^src\/(up\/|cli\/agent-(run|check|manifests)\.ts$)/
  assert.deepEqual(
    breaking(
      i => i.to.startsWith('src/agent/') && !i.from.startsWith('src/agent/') && !startsAgents.test(i.from),
    ),
    [],
  )
})

test('commands import no server module when they load', () => {
  const shared = /^src\/(cli|brand\.ts|errors|audit\/verify\.ts|audit\/sentence\.ts)/
  assert.deepEqual(
    breaking(
      i => i.from.startsWith('src/cli/') && !i.dynamic && i.to.startsWith('src/') && !shared.test(i.to),
    ),
    [],
  )
})

test('inner folders know nothing of the gateway, the API and the commands', () => {
  const inner =
    /^src\/(approvals|audit|connections|documents|errors|identity|keys|kubernetes|masking|notify|pki|policy|store|tunnel|witness)\//
  assert.deepEqual(
    breaking(i => inner.test(i.from) && /^src\/(gateway|api|cli|agent|page)\//.test(i.to)),
    [],
  )
})

test('the product imports nothing from tests, and the testbed only when a person asks for a demo cluster', () => {
  assert.deepEqual(
    breaking(i => /^(test|bench)\//.test(i.to) || (i.to.startsWith('testbed/') && !i.dynamic)),
    [],
  )
})

test('the code of PostgreSQL is loaded only when somebody chose it', () => {
  const own = /^src\/(postgres|store\/postgres|audit\/index\/postgres)\//
  assert.deepEqual(
    breaking(
      i =>
        (i.to === 'pg' || own.test(i.to)) &&
        i.to !== 'src/postgres/settings.ts' &&
        !own.test(i.from) &&
        !i.dynamic,
    ),
    [],
  )
})

test('the SDK of AWS is loaded only when somebody chose its key service', () => {
  assert.deepEqual(
    breaking(
      i =>
        (/^@(aws-sdk|smithy)\//.test(i.to) && i.from !== 'src/keys/aws-kms.ts') ||
        (i.to === 'src/keys/aws-kms.ts' && !i.dynamic),
    ),
    [],
  )
})

test('the verifier is one file without dependencies', () => {
  assert.deepEqual(
    breaking(i => i.from === 'src/audit/verify.ts' && !i.to.startsWith('node:')),
    [],
  )
})
