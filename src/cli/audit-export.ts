import { createWriteStream, existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Context, flag, type Options, type Run, text } from './frame/context.ts'
import { exitCodes, Failure, usage } from './frame/failure.ts'

/** One archive with the log, its cosigned checkpoints and a verifier: from a gateway, or offline from a directory. */
export const run: Run = async (context, _args, options) => {
  const file = text(options, 'outFile')
  if (file === undefined) throw usage('audit export needs --out-file FILE')
  const part = `${file}.part`
  try {
    const archive = await open(context, options)
    // 0600: with --records it holds what callers sent, encrypted.
    await pipeline(archive, createWriteStream(part, { mode: 0o600 }))
    renameSync(part, file)
  } catch (error) {
    rmSync(part, { force: true })
    if (error instanceof Failure) throw error
    throw new Failure({ exitCode: exitCodes.failed, what: `the export failed: ${(error as Error).message}` })
  }
  context.output.raw(`${file}\n`)
  context.say(`check it: tar -xzf ${file}, then see README.md`)
  return exitCodes.done
}

async function open(context: Context, options: Options): Promise<Readable> {
  const records = flag(options, 'records')
  const directory = text(options, 'from')
  if (directory === undefined) {
    const client = await context.client()
    return client.stream('/v1/audit/export', records ? { query: { records: 'true' } } : {})
  }
  const vkeyFile = join(directory, 'log.vkey')
  if (!existsSync(vkeyFile)) throw usage(`${directory} is no directory of a log: there is no log.vkey`)
  const [{ exportArchive }, { disk }] = await Promise.all([
    import('../audit/export/export.ts'),
    import('../audit/files/disk.ts'),
  ])
  const vkey = readFileSync(vkeyFile, 'utf8').trim()
  return exportArchive({ files: disk, directory, vkey, records }, Date.now())
}
