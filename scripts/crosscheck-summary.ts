/** Sums up what the tests with a cluster have compared: `node scripts/crosscheck-summary.ts DIR`, reports as JSON files. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CrosscheckReport, formatVerbs, type VerbRow } from '../src/audit/crosscheck/report.ts'

const [directory = ''] = process.argv.slice(2)
const files = readdirSync(directory)
const rows = new Map<string, VerbRow>()
for (const file of files) {
  const report = JSON.parse(readFileSync(join(directory, file), 'utf8')) as CrosscheckReport
  for (const row of [...report.verbs, { ...report.total, verb: 'all' }]) {
    const sum = rows.get(row.verb)
    rows.set(row.verb, sum === undefined ? row : added(sum, row))
  }
}
const total = rows.get('all')
rows.delete('all')
if (total !== undefined) {
  const verbs = [...rows.values()].sort((a, b) => (a.verb < b.verb ? -1 : 1))
  console.log(`${files.length} comparisons of a cluster's audit log with ours:`)
  console.log(formatVerbs(verbs, total).join('\n'))
}

function added(a: VerbRow, b: VerbRow): VerbRow {
  return {
    verb: a.verb,
    ours: a.ours + b.ours,
    own: a.own + b.own,
    seen: a.seen + b.seen,
    cluster: a.cluster + b.cluster,
    recorded: a.recorded + b.recorded,
  }
}
