import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { disk } from '../audit/files/disk.ts'
import type { AuditLogOptions } from '../audit/open.ts'
import { fileKeyEncryption } from '../keys/file-key.ts'
import type { KeyEncryptionChoice } from '../keys/key-encryption-choice.ts'
import { openKeyEncryption } from '../keys/open-key-encryption.ts'
import { withFormer } from '../keys/with-former.ts'
import { type PostgresSettings, shownSettings } from '../postgres/settings.ts'
import { openSqliteStore } from '../store/open-sqlite-store.ts'
import type { StateStore } from '../store/store.ts'
import type { Logger } from '../telemetry/logger.ts'

/** Where a gateway keeps its state, and what wraps its keys. */
export interface StateOptions {
  /** Log, store, keys and certificates; made when missing, mode 0700. */
  readonly dataDir: string
  readonly logger: Logger
  /** State and search index of several gateways; absent: SQLite files in `dataDir`. */
  readonly postgres?: PostgresSettings
  /** Wraps the keys of log and masking; gateways of one store name the same. Absent: a key file in `dataDir`. */
  readonly keyEncryption?: KeyEncryptionChoice
  /** What wrapped keys before, and can still be read. The key file in `dataDir` is read in any case. */
  readonly formerKeyEncryption?: KeyEncryptionChoice
}

export async function openState({ postgres, dataDir, logger }: StateOptions): Promise<StateStore> {
  if (postgres === undefined) return openSqliteStore(join(dataDir, 'state.sqlite'))
  // Loaded only when chosen: it would make every start slower.
  const { openPostgresStore } = await import('../store/postgres/open-postgres-store.ts')
  return openPostgresStore(postgres, {
    onListener: problem =>
      problem === null
        ? logger.warn('the store is heard again')
        : logger.warn({ store: shownSettings(postgres), detail: problem }, 'the store cannot be heard'),
  })
}

/** Whatever wrapped keys before another key was named can still be read. */
export async function chosenKeyEncryption(
  options: StateOptions,
): Promise<Pick<AuditLogOptions, 'keyEncryption'>> {
  if (options.keyEncryption === undefined) return {}
  let chosen = await openKeyEncryption(options.keyEncryption)
  if (options.formerKeyEncryption !== undefined) {
    chosen = withFormer(chosen, await openKeyEncryption(options.formerKeyEncryption))
  }
  const file = join(options.dataDir, 'log', 'secrets', 'kek')
  if (existsSync(file)) chosen = withFormer(chosen, await fileKeyEncryption(disk, file, false))
  return { keyEncryption: chosen }
}
