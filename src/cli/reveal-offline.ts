import { API_VERSION } from '../brand.ts'
import { type Run, text, texts } from './frame/context.ts'
import { exitCodes, Failure, usage } from './frame/failure.ts'
import { keysToRead } from './keys-to-read.ts'
import { identitiesOf, textOf } from './reveal-open.ts'

/** From an export and its keys, on the machine of an investigator. No gateway is asked, and no log hears of it. */
export const run: Run = async (context, [directory = '', call = '', pointer], options) => {
  const keys = texts(options, 'keys')
  if (keys.length === 0) throw usage('reveal offline needs --keys KEY')
  const keyEncryption = await keysToRead(keys)
  const identities = await identitiesOf(text(options, 'identity'))
  const [{ readOffline }, { disk }] = await Promise.all([
    import('../audit/reveal/read-offline.ts'),
    import('../audit/files/disk.ts'),
  ])
  let revealed: Awaited<ReturnType<typeof readOffline>>
  try {
    revealed = await readOffline({
      files: disk,
      directory,
      keyEncryption,
      identities,
      call,
      ...(pointer === undefined ? {} : { pointer }),
    })
  } catch (error) {
    throw new Failure({
      exitCode: exitCodes.failed,
      what: error instanceof Error ? error.message : String(error),
    })
  }
  if (revealed === null)
    throw new Failure({ exitCode: exitCodes.failed, what: `there is no call ${call} in it` })
  const watermark = `opened offline from ${directory}; no log has a record of it`
  const document = { apiVersion: API_VERSION, kind: 'OfflineRevelation', watermark, revealed }
  await context.output.one(document, textOf({ watermark, revealed }), `entry/${call}`)
  return exitCodes.done
}
