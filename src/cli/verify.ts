import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { printable } from '../audit/sentence.ts'
import { formatReport, type Report, verifyLog, verifyProof } from '../audit/verify.ts'
import { API_VERSION } from '../brand.ts'
import { flag, type Run, text, texts } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'

export const run: Run = async (context, [directory = ''], options) => {
  if (!existsSync(directory)) throw usage(`there is no ${directory}`)
  const beside = join(directory, 'log.vkey')
  const vkey = text(options, 'vkey') ?? (existsSync(beside) ? beside : undefined)
  if (vkey === undefined) throw usage('verify needs --vkey KEY')
  const keyFile = text(options, 'keys')
  const quorum = text(options, 'quorum')
  const common = {
    vkey: textOrFile(vkey),
    witnesses: texts(options, 'witness').map(textOrFile),
    ...(quorum === undefined ? {} : { quorum: Number(quorum) }),
  }
  const leaf = text(options, 'leaf')
  let report: Report
  try {
    report = directory.endsWith('.tlog-proof')
      ? verifyProof({
          ...common,
          proof: readFileSync(directory, 'utf8'),
          ...(leaf === undefined ? {} : { leaf: readFileSync(leaf) }),
        })
      : verifyLog({
          ...common,
          directory,
          oldCheckpoints: texts(options, 'oldCheckpoint').map(file => readFileSync(file, 'utf8')),
          live: flag(options, 'live'),
          ...(keyFile === undefined ? {} : { keyFile }),
        })
  } catch (error) {
    if (error instanceof RangeError) throw usage(error.message)
    throw error
  }
  const lines = formatReport(report).trimEnd().split('\n').map(printable).join('\n')
  await context.output.one(
    { apiVersion: API_VERSION, kind: 'VerifyReport', ...report },
    lines,
    `log/${report.origin}`,
  )
  if (vkey === beside) {
    context.say('note: the key came from the log itself; give --vkey to check as well whose log it is')
  }
  return report.ok ? exitCodes.done : exitCodes.verificationFailed
}

/** A key, or a file with it. */
function textOrFile(value: string): string {
  return existsSync(value) ? readFileSync(value, 'utf8') : value
}
