import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openAuditLog } from '../../src/audit/open.ts'
import { recordCall } from '../../src/audit/testing/calls.ts'
import { verifyLog } from '../../src/audit/verify.ts'

/** Tessera's fsck, an independent implementation of tlog-tiles, against ours. Needs Go. */
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sallyport', 'fsck')
const program = join(cache, 'fsck')
const scratch = mkdtempSync(join(tmpdir(), 'sallyport-fsck-'))
const log = join(scratch, 'log')

before(async () => {
  mkdirSync(cache, { recursive: true })
  const built = spawnSync('go', ['build', '-o', program, '.'], {
    cwd: join(import.meta.dirname, 'fsck'),
    timeout: 300_000,
    encoding: 'utf8',
  })
  assert.equal(built.error, undefined, `Go is needed: ${built.error?.message}`)
  assert.equal(built.status, 0, built.stderr)
  // Two runs, more than one tile of level 1 below a partial one, and partial tiles at the edge.
  for (const [from, to] of [
    [0, 300],
    [300, 700],
  ] as const) {
    const open = await openAuditLog({
      dataDir: log,
      origin: 'sallyport.example/fsck',
      checkpointInterval: 20,
    })
    await Promise.all(Array.from({ length: to - from }, (_, at) => recordCall(open, from + at)))
    await open.close()
  }
})
after(() => rmSync(scratch, { recursive: true }))

function fsck(directory: string): { status: number | null; output: string } {
  const run = spawnSync(program, [directory, join(directory, 'log.vkey')], {
    timeout: 15_000,
    encoding: 'utf8',
  })
  return { status: run.status, output: run.stdout + run.stderr }
}

test('Tessera accepts what the log wrote', () => {
  const { status, output } = fsck(log)
  assert.equal(status, 0, output)
  const size = readFileSync(join(log, 'checkpoint'), 'utf8').split('\n')[1]
  assert.match(output, new RegExp(`fsck'd log with size ${size} `))
})

test('Tessera and verify both refuse an edited entry and an edited tile', () => {
  for (const file of ['tile/entries/002', 'tile/0/001']) {
    const copy = join(scratch, 'copy')
    cpSync(log, copy, { recursive: true })
    const bytes = readFileSync(join(copy, file))
    bytes[700]! ^= 1
    writeFileSync(join(copy, file), bytes)
    assert.equal(fsck(copy).status, 1, file)
    assert.equal(
      verifyLog({ directory: copy, vkey: readFileSync(join(copy, 'log.vkey'), 'utf8') }).ok,
      false,
      file,
    )
    rmSync(copy, { recursive: true })
  }
})
