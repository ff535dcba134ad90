import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { call } from '../e2e/call.ts'
import { sallyport, storedInPostgres } from '../e2e/rig.ts'
import type { Hunt } from './hunt.ts'

/**
 * What the gateway has written down of the hunt: entries as search and `audit show` give them (the latest `most`), the API's
 * answers, every file of its data directory (segments of the log are encrypted, the index is what is looked at), its own
 * log, and its metrics.
 */
export async function searchTrail(hunt: Hunt, t: TestContext, most: number): Promise<void> {
  const { up } = hunt
  const where = ['--gateway', up.url, '--ca-file', up.caFile]
  const env = { SALLYPORT_STATE_DIR: join(up.dataDir, 'client') }
  const run = async (...args: string[]): Promise<string> => {
    const ran = await sallyport([...args, ...where], { env })
    assert.equal(ran.code, 0, `${args.join(' ')}: ${ran.stderr}`)
    hunt.received(`sallyport ${args.join(' ')}`, `${ran.stdout}\n${ran.stderr}`)
    return ran.stdout
  }
  const found = JSON.parse(await run('audit', 'search', '--limit', '0', '-o', 'json')) as {
    items: { call: string; complete: boolean }[]
  }
  await run('mask', 'report', '-o', 'json')
  const token = await adminToken(up.dataDir)
  const step = Math.max(1, Math.floor(found.items.length / most))
  let shown = 0
  for (const { call: id } of found.items.filter((_, i) => i % step === 0)) {
    const answer = await call(up, `/v1/audit/entries/${id}`, { token })
    assert.equal(answer.status, 200, answer.body)
    hunt.received(`GET /v1/audit/entries/${id}`, answer.body)
    shown++
  }
  await run('audit', 'show', '--last')
  for (const path of ['/metrics', '/v1/status', '/v1/audit/masked', '/v1/sessions', '/v1/masking/rules']) {
    hunt.received(`GET ${path}`, (await call(up, path, { token })).body)
  }
  hunt.received('standard error of the gateway', up.stderr())
  // The index follows the log.
  await sleep(500)
  let files = 0
  let readable = 0
  for (const file of filesBelow(up.dataDir)) {
    const bytes = readIfThere(file)
    if (bytes === undefined) continue
    hunt.stored(`file ${relative(up.dataDir, file)}`, bytes)
    if (bytes.includes('cm-key-0')) readable++
    files++
  }
  const rows = await storedInPostgres(up.dataDir)
  if (rows.length > 0) hunt.stored('rows of PostgreSQL', rows)
  if (rows.includes('cm-key-0')) readable++
  // Of the index the text can be looked through; else the look at it would prove nothing.
  assert.ok(readable > 0, 'no file of the gateway names an object')
  t.diagnostic(`${found.items.length} entries, ${shown} of them shown, ${files} files of the gateway`)
}

async function adminToken(dataDir: string): Promise<string> {
  const folder = join(dataDir, 'client')
  for (const file of filesBelow(folder)) {
    const token = /"token":\s*"([^"]+)"/.exec(readFileSync(file, 'utf8'))?.[1]
    if (token !== undefined) return token
  }
  throw new Error(`no sign-in in ${folder}`)
}

/** Tiles of the log are replaced by larger ones while it is open. */
function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
}
