import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { printable } from '../audit/sentence.ts'
import { API_VERSION } from '../brand.ts'
import type { KeyEncryption } from '../keys/key-encryption.ts'
import { type Options, type Run, text, texts } from './frame/context.ts'
import { exitCodes, Failure, usage } from './frame/failure.ts'
import { keysToRead } from './keys-to-read.ts'
import { duration, moment } from './output/time.ts'

const MOST_CALLS = 1_000_000

export const run: Run = async (context, files, options) => {
  if (files.filter(file => file === '-').length > 1) throw usage('standard input can be read only once')
  for (const file of files) if (file !== '-' && !existsSync(file)) throw usage(`there is no file ${file}`)
  const [{ crosscheck }, { TooManyCalls }, { formatCrosscheck }, { disk }] = await Promise.all([
    import('../audit/crosscheck/crosscheck.ts'),
    import('../audit/crosscheck/our-calls.ts'),
    import('../audit/crosscheck/report.ts'),
    import('../audit/files/disk.ts'),
  ])
  const now = Date.now()
  const [since, until] = [text(options, 'since'), text(options, 'until')]
  try {
    const report = await crosscheck({
      files,
      stdin: process.stdin,
      disk,
      logs: await logsOf(options),
      connections: texts(options, 'connection'),
      agentUsers: texts(options, 'agentUser'),
      ignore: texts(options, 'ignore'),
      skew: duration(text(options, 'skew') ?? '2s', '--skew'),
      mostCalls: mostOf(text(options, 'mostCalls')),
      ...(since === undefined ? {} : { since: Date.parse(moment(since, '--since', now)) }),
      ...(until === undefined ? {} : { until: Date.parse(moment(until, '--until', now)) }),
    })
    const lines = formatCrosscheck(report).split('\n').map(printable).join('\n')
    const document = { apiVersion: API_VERSION, kind: 'CrosscheckReport', ...report }
    await context.output.one(document, lines, `crosscheck/${report.ok ? 'complete' : 'incomplete'}`)
    return report.ok ? exitCodes.done : exitCodes.verificationFailed
  } catch (error) {
    if (error instanceof RangeError) throw usage(error.message)
    if (error instanceof TooManyCalls) {
      const next =
        'look at less with --since and --until, or allow more with --most-calls (about 300 bytes each)'
      throw new Failure({ exitCode: exitCodes.failed, what: error.message, next })
    }
    throw error
  }
}

/** Each log has its key beside it, or all are opened with those that are given. */
async function logsOf(
  options: Options,
): Promise<{ readonly directory: string; readonly keyEncryption: KeyEncryption }[]> {
  const directories = texts(options, 'log')
  if (directories.length === 0)
    throw usage("crosscheck needs --log: the directory of the gateway's audit log")
  const keys = texts(options, 'keys')
  const shared = keys.length === 0 ? undefined : await keysToRead(keys)
  const logs: { readonly directory: string; readonly keyEncryption: KeyEncryption }[] = []
  for (const directory of directories) {
    if (!existsSync(directory)) throw usage(`there is no directory ${directory}`)
    const beside = join(directory, 'secrets', 'kek')
    if (shared === undefined && !existsSync(beside))
      throw usage(`crosscheck needs the key-encryption key of the log (--keys): no ${beside}`)
    logs.push({ directory, keyEncryption: shared ?? (await keysToRead([beside])) })
  }
  return logs
}

function mostOf(value: string | undefined): number {
  if (value === undefined) return MOST_CALLS
  if (!/^[1-9]\d{0,9}$/.test(value)) throw usage(`--most-calls takes a number, not ${value}`)
  return Number(value)
}
