import { join, resolve } from 'node:path'
import { API_VERSION } from '../brand.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes, Failure, usage } from './frame/failure.ts'

/** Wraps the keys of a stopped gateway's log with another key-encryption key. */
export const run: Run = async (context, _args, options) => {
  const dataDir = text(options, 'dataDir')
  const to = text(options, 'to')
  if (dataDir === undefined) throw usage('keys rewrap needs --data-dir DIR')
  if (to === undefined) throw usage('keys rewrap needs --to KEY')
  const log = join(resolve(dataDir), 'log')
  const from = text(options, 'from') ?? `file:${join(log, 'secrets', 'kek')}`
  const [{ rewrapEpochKeys }, { openKeyEncryption }, { parseKeyEncryption }] = await Promise.all([
    import('../audit/keys/rewrap.ts'),
    import('../keys/open-key-encryption.ts'),
    import('../keys/parse-key-encryption.ts'),
  ])
  try {
    const [former, current] = [
      await openKeyEncryption(parseKeyEncryption(from)),
      await openKeyEncryption(parseKeyEncryption(to)),
    ]
    const done = await rewrapEpochKeys(log, former, current)
    const facts = { apiVersion: API_VERSION, kind: 'KeysRewrapped', ...done, from: former.id, to: current.id }
    const { rewrapped, already } = done
    const lines = [
      `${rewrapped} ${rewrapped === 1 ? 'key' : 'keys'} wrapped anew with ${current.id}, ${already} were already`,
      'the keys of masking are wrapped anew when the gateway starts with:',
      `sallyport up --key-encryption '${to}' --former-key-encryption '${from}'`,
    ]
    await context.output.one(facts, lines.join('\n'), `log/${done.origin}`)
    return exitCodes.done
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure({
      exitCode: exitCodes.failed,
      what: error instanceof Error ? error.message : String(error),
      next: 'see docs/operate/key-encryption.md; what was wrapped anew before this stays so, and it can be begun again',
    })
  }
}
