import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { openAuditLog } from '../../../src/audit/open.ts'
import { body, recordCall } from '../../../src/audit/testing/calls.ts'
import { verifyLog } from '../../../src/audit/verify.ts'
import { damaged, damagesOf, randomDamage } from '../damage.ts'
import { type Checker, eachByItself, type FuzzTarget } from '../target.ts'

/** The verifier on a damaged log: a report each time, never an exception, never green over other entries than were signed. */
async function open(): Promise<Checker> {
  const directory = mkdtempSync(join(tmpdir(), 'fuzz-verify-'))
  const [original, copy] = [join(directory, 'log'), join(directory, 'copy')]
  const log = await openAuditLog({ dataDir: original, origin: 'fuzz/verify', segmentBytes: 60_000 })
  const { vkey } = log
  for (let i = 0; i < 150; i++)
    await recordCall(log, i, { request: body('{"a":1}'), response: body('x'.repeat(200)) })
  await log.close()
  const keyFile = join(original, 'secrets', 'kek')
  const whole = verifyLog({ directory: original, vkey, keyFile })
  assert.ok(whole.ok)
  const names = readdirSync(original, { recursive: true, withFileTypes: true })
    .filter(each => each.isFile())
    .map(each => relative(original, join(each.parentPath, each.name)))
    .filter(name => /^(checkpoint$|tile|segments|keys)/.test(name))
    .sort()
  cpSync(original, copy, { recursive: true })

  function look(input: Buffer): string {
    const touched = new Set<string>()
    try {
      for (const damage of damagesOf(input)) {
        const name = names[damage.file % names.length]!
        touched.add(name)
        const path = join(copy, name)
        let after: Buffer | undefined
        try {
          after = damaged(readFileSync(path), damage)
        } catch {
          continue
        }
        if (after === undefined) rmSync(path)
        else writeFileSync(path, after)
      }
      const report = verifyLog({ directory: copy, vkey, keyFile })
      if (!report.ok) {
        assert.ok(
          report.checks.some(check => check.status === 'failed' && check.places.length > 0),
          'red without a place',
        )
        return 'red'
      }
      // Green is right only where what was touched is not part of what was signed.
      assert.deepEqual([report.size, report.root], [whole.size, whole.root], 'green over something else')
      return 'green'
    } finally {
      for (const name of touched) cpSync(join(original, name), join(copy, name))
    }
  }
  return eachByItself(look, async () => rmSync(directory, { recursive: true, force: true }))
}

export const target: FuzzTarget = {
  name: 'verify',
  batch: 10,
  generate: random => randomDamage(random),
  open,
}
