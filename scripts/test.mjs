// Runs the test suites: `node scripts/test.mjs` (lint, types, unit, end to end), `--full` (what also needs Java,
// Python or Debian parts), or with file names: only those. Plain JavaScript: it starts before anything is built.
import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

const args = process.argv.slice(2)
const full = args.includes('--full')
const named = args.filter(a => !a.startsWith('--'))

function run(title, command, rest, env = {}) {
  const started = Date.now()
  process.stdout.write(`\n# ${title}\n`)
  const { status, signal } = spawnSync(command, rest, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
    shell: process.platform === 'win32',
  })
  process.stdout.write(
    `# ${title}: ${status === 0 ? 'ok' : `failed (${signal ?? status})`}, ${((Date.now() - started) / 1000).toFixed(1)} s\n`,
  )
  if (status !== 0) process.exit(status ?? 1)
}

const node = process.execPath
// Where tests with a cluster leave what they compared with its audit log.
const crosschecks = mkdtempSync(join(tmpdir(), 'sallyport-crosschecks-'))
process.on('exit', () => rmSync(crosschecks, { recursive: true, force: true }))
process.env.SALLYPORT_TEST_CROSSCHECKS = crosschecks
// Gateways of test/e2e then keep state and index there; the log stays where it is.
const onPostgres = { SALLYPORT_TEST_STORE: 'postgres' }
const suite = patterns => {
  const files = patterns.flatMap(p => globSync(p, { exclude: f => f.includes('node_modules') })).sort()
  if (files.length === 0) {
    process.stdout.write(`no test file matches ${patterns.join(' ')}\n`)
    process.exit(1)
  }
  return files
}

// Bytes on the wire, which no store sees; and what `npm test` has run on PostgreSQL already.
const ELSEWHERE =
  /^(tour|goclient|javascript|clients-wire|crosscheck|witness|pod|first-minutes|sessions)\.test\.ts$/
const usesStore = file => !ELSEWHERE.test(basename(file))
const isLong = file => file.startsWith(join('test', 'full'))

if (named.length > 0) run('named tests', node, ['--test', '--test-concurrency=2', ...suite(named)])
else if (full) {
  run('full', node, ['--test', '--test-concurrency=2', ...suite(['test/full/**/*.test.ts'])])
  const endToEnd = suite(['test/e2e/**/*.test.ts']).filter(usesStore)
  run('end to end on PostgreSQL', node, ['--test', '--test-concurrency=2', ...endToEnd], onPostgres)
} else {
  run('lint and format', 'biome', ['check', '--error-on-warnings'])
  run('types', 'tsc', ['-p', '.'])
  run('testbed', node, ['scripts/build-testbed.ts'])
  run('tests', node, [
    '--test',
    '--test-concurrency=2',
    // All there are, so that no new folder is forgotten; the long ones are run by `--full`.
    ...suite(['src/**/*.test.ts', 'testbed/**/*.test.ts', 'test/**/*.test.ts']).filter(f => !isLong(f)),
  ])
  run(
    'end to end on PostgreSQL, in part',
    node,
    ['--test', '--test-concurrency=1', ...suite(['test/e2e/{first-minutes,sessions}.test.ts'])],
    onPostgres,
  )
}
if (readdirSync(crosschecks).length > 0)
  run('crosscheck', node, ['scripts/crosscheck-summary.ts', crosschecks])
