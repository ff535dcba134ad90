import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { entryProof } from '../../src/audit/export/proof.ts'
import { openAuditLog } from '../../src/audit/open.ts'
import { recordCall } from '../../src/audit/testing/calls.ts'
import { verifyLog } from '../../src/audit/verify.ts'
import { openWitnessing } from '../../src/audit/witnesses/open-witnessing.ts'
import { originHash } from '../../src/witness/kept.ts'
import { serveWitness } from '../../src/witness/serve.ts'
import { openWitness } from '../../src/witness/witness.ts'

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

function go(...args: string[]): { status: number | null; output: string } {
  const run = spawnSync(program, args, { timeout: 90_000, encoding: 'utf8' })
  return { status: run.status, output: run.stdout + run.stderr }
}

/** Without blocking this process, in which the witness answers. */
async function goOn(...args: string[]): Promise<{ status: number | null; output: string }> {
  const child = spawn(program, args)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (output += chunk))
  const timer = setTimeout(() => child.kill('SIGKILL'), 90_000)
  const [status] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  return { status, output }
}

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

test('golang.org/x/mod/sumdb/note opens our cosigned proof, and Tessera’s code finds the way to its root', async () => {
  const vkey = readFileSync(join(log, 'log.vkey'), 'utf8').trim()
  const witness = await openWitness({
    directory: join(scratch, 'own-witness'),
    logs: [vkey],
    fallbackName: () => 'witness.example/own',
  })
  const open = await openAuditLog({ dataDir: log, origin: 'sallyport.example/fsck' })
  const watching = await openWitnessing({
    log: open,
    links: () => [{ name: 'w', vkey: witness.vkey, addCheckpoint: body => witness.addCheckpoint(body) }],
    onEvent: () => {},
    interval: 3_600_000,
  })
  await watching.round()
  await watching.round()
  const { note, size } = watching.cosigned!
  const file = join(scratch, 'entry.tlog-proof')
  for (const index of [0, 255, 256, 511, 1_000, size - 1]) {
    writeFileSync(file, (await entryProof(open.files, log, { note, size }, index)).text)
    const { status, output } = go('proof', file, vkey, witness.vkey)
    assert.equal(status, 0, output)
    assert.match(output, new RegExp(`^entry ${index} of ${size}, cosigned at \\d{10}$`, 'm'))
  }
  const text = readFileSync(file, 'utf8')
  writeFileSync(
    file,
    text.replace(/^index (\d+)$/m, (_, index) => `index ${Number(index) - 1}`),
  )
  assert.equal(go('proof', file, vkey, witness.vkey).status, 1)
  await watching.close()
  await open.close()
  await witness.close()
})

test('a log of Tessera’s own gets its cosignatures from our witness, also when it has forgotten where it stands', async () => {
  const [signer = '', vkey = ''] = go('key', 'tessera.example/log').output.split('\n')
  const events: string[] = []
  const witness = await openWitness({
    directory: join(scratch, 'witness'),
    logs: [vkey],
    fallbackName: () => 'witness.example/ours',
    onEvent: event => events.push(event.type),
  })
  const server = await serveWitness({ witness, host: '127.0.0.1', port: 0 })
  const grow = (directory: string) => goOn('grow', join(scratch, directory), signer, witness.vkey, server.url)
  const first = await grow('tessera')
  assert.equal(first.status, 0, first.output)
  // A new process begins at 0 and is answered 409 with the size.
  const second = await grow('tessera')
  assert.equal(second.status, 0, second.output)
  assert.match(second.output, /^900$/m)
  assert.match(
    (await witness.checkpoint(originHash('tessera.example/log')))!,
    /^tessera\.example\/log\n900\n/,
  )
  // The same key begins another log under the same name: a fork, which gets nothing.
  const fork = await grow('fork')
  assert.equal(fork.status, 1, fork.output)
  assert.match(fork.output, /replied with x\.tlog\.size 900, larger than log size/)
  await server.stop()
  await witness.close()
})
