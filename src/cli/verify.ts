import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { printable } from '../audit/sentence.ts'
import { formatReport, type Report, type VerifyOptions, verifyLog, verifyProof } from '../audit/verify.ts'
import { API_VERSION } from '../brand.ts'
import { flag, type Run, text, texts } from './frame/context.ts'
import { exitCodes, Failure, usage } from './frame/failure.ts'
import { isKeyService, keysToRead } from './keys-to-read.ts'

export const run: Run = async (context, [directory = ''], options) => {
  if (!existsSync(directory)) throw usage(`there is no ${directory}`)
  const beside = join(directory, 'log.vkey')
  const vkey = text(options, 'vkey') ?? (existsSync(beside) ? beside : undefined)
  if (vkey === undefined) throw usage('verify needs --vkey KEY')
  const quorum = text(options, 'quorum')
  const common = {
    vkey: textOrFile(vkey),
    witnesses: texts(options, 'witness').map(textOrFile),
    ...(quorum === undefined ? {} : { quorum: Number(quorum) }),
  }
  const leaf = text(options, 'leaf')
  const isProof = directory.endsWith('.tlog-proof')
  const keys = isProof ? {} : await keysFor(context, directory, common.vkey, texts(options, 'keys'))
  let report: Report
  try {
    report = isProof
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
          ...keys,
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

/**
 * A key file is the verifier's own to read. What has to be asked for, at a key service or of several keys, is unwrapped
 * here and given to it in memory.
 */
async function keysFor(
  context: Parameters<Run>[0],
  directory: string,
  vkey: string,
  words: readonly string[],
): Promise<Pick<VerifyOptions, 'keyFile' | 'epochKeys'>> {
  const [only] = words
  if (only === undefined) return {}
  if (words.length === 1 && !isKeyService(only)) {
    return { keyFile: only.startsWith('file:') ? only.slice('file:'.length) : only }
  }
  const keyEncryption = await keysToRead(words)
  const { unwrapEpochKeys } = await import('../audit/keys/unwrap-all.ts')
  const { keys, failure } = await unwrapEpochKeys(directory, vkey.split('+', 1)[0]!, keyEncryption)
  if (failure !== null) {
    const isNone = [...keys.values()].every(key => key === null)
    const next = 'see docs/operate/key-encryption.md for what it needs'
    if (isNone) throw new Failure({ exitCode: exitCodes.failed, what: failure, next })
    context.warn(`some keys of days were not unwrapped: ${failure}`)
  }
  return { epochKeys: keys }
}

/** A key, or a file with it. */
function textOrFile(value: string): string {
  return existsSync(value) ? readFileSync(value, 'utf8') : value
}
