import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { printable } from '../audit/sentence.ts'
import { formatReport, type VerifyOptions, verifyLog } from '../audit/verify.ts'
import { API_VERSION } from '../brand.ts'
import { flag, type Run, text, texts } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'

export const run: Run = async (context, [directory = ''], options) => {
  if (!existsSync(directory)) throw usage(`there is no directory ${directory}`)
  const beside = join(directory, 'log.vkey')
  const vkey = text(options, 'vkey') ?? (existsSync(beside) ? beside : undefined)
  if (vkey === undefined) throw usage(`verify needs --vkey: there is no ${beside}`)
  const keyFile = text(options, 'keys')
  const what: VerifyOptions = {
    directory,
    vkey: existsSync(vkey) ? readFileSync(vkey, 'utf8') : vkey,
    oldCheckpoints: texts(options, 'oldCheckpoint').map(file => readFileSync(file, 'utf8')),
    live: flag(options, 'live'),
    ...(keyFile === undefined ? {} : { keyFile }),
  }
  let report: ReturnType<typeof verifyLog>
  try {
    report = verifyLog(what)
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
