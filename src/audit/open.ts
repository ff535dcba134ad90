import { dirname, join } from 'node:path'
import { Refusal } from '../errors/refusal.ts'
import { fileKeyEncryption } from '../keys/file-key.ts'
import type { NewEntry } from './entry.ts'
import { withDeadline } from './files/deadline.ts'
import { disk } from './files/disk.ts'
import type { Files } from './files/files.ts'
import { readWhole, replaceWhole } from './files/whole.ts'
import { entryClock } from './heads/clock.ts'
import { dataKeys } from './keys/datakeys.ts'
import { epochKeys } from './keys/epochs.ts'
import { openSigningKey } from './keys/signing.ts'
import { openAppender } from './log/appender.ts'
import { entryBuilder } from './log/build.ts'
import type {
  AuditLogOptions,
  DurableBatch,
  LogFailure,
  LogTrouble,
  OpenAuditLog,
  PublishedCheckpoint,
} from './log/contract.ts'
import { LogDamaged } from './log/damaged.ts'
import { listeners } from './log/listeners.ts'
import { openPublisher } from './log/publisher.ts'
import { openQuota, quotaWords } from './log/quota.ts'
import { recover } from './log/recover.ts'
import { stalePartials } from './log/stale-partials.ts'
import { cutOutcome, quotaEntry, startEntry, stopEntry } from './log/state-entries.ts'
import { CARRIED_LIMIT, walName } from './log/wal.ts'
import { segmentFile, segmentPlan, walFile } from './log/writer.ts'

/** Milliseconds a checkpoint may take; it stands behind the disk's other work, so it is longer than an append's. */
const PUBLICATION_DEADLINE = 10_000

/** Milliseconds any operation on a file may take, whoever asks for it: longer is a device that hangs. */
const FILE_DEADLINE = 10_000

export type { AuditLogOptions, OpenAuditLog } from './log/contract.ts'

/**
 * Opens or creates the log of one process and repairs what a crash left: torn tails are dropped, calls cut short
 * get an outcome. Throws `LogDamaged` (with both roots, where roots differ) when the disk does not hold what was
 * published, and an Error when another process has the log open.
 */
export async function openAuditLog(options: AuditLogOptions): Promise<OpenAuditLog> {
  const files = withDeadline(options.files ?? disk, FILE_DEADLINE)
  const { dataDir, origin } = options
  for (const name of ['', 'segments', 'wal', 'keys', 'tile'])
    await files.makeDirectory(join(dataDir, name), 0o755)
  await syncAncestors(files, dataDir)
  const unlock = await files.lock(join(dataDir, 'lock')).catch(error => {
    throw new Error(`the audit log ${dataDir} is open in another process`, { cause: error })
  })
  try {
    return await openLocked(options, files, unlock)
  } catch (error) {
    unlock()
    if (error instanceof LogDamaged)
      error.message = `the audit log ${origin} in ${dataDir} is damaged: ${error.message}`
    throw error
  }
}

/** Whether a key of the sealed class may have to be made for it. */
function takesSealedKey({ request, response }: NewEntry): boolean {
  return [request, response].some(body => body?.keyClass === 'sealed' || body?.delta !== undefined)
}

/** Whoever started us may have made the directories above a moment ago. Those that we may not read we did not make. */
async function syncAncestors(files: Files, dataDir: string): Promise<void> {
  for (let at = dataDir; at !== dirname(at); ) {
    at = dirname(at)
    try {
      await files.syncDirectory(at)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EINVAL') throw error
    }
  }
}

async function openLocked(options: AuditLogOptions, files: Files, unlock: () => void): Promise<OpenAuditLog> {
  const { dataDir, origin } = options
  const now = options.clock ?? Date.now
  const isNew =
    (await readWhole(files, join(dataDir, 'checkpoint'))) === null &&
    (await files.list(join(dataDir, 'wal'))).length === 0
  const signer = await openSigningKey(files, join(dataDir, 'secrets', 'signing-key.pem'), origin, isNew)
  const keyEncryption =
    options.keyEncryption ?? (await fileKeyEncryption(files, join(dataDir, 'secrets', 'kek'), isNew))
  const found = await recover(files, dataDir, origin, signer.vkey)
  await replaceWhole(files, join(dataDir, 'log.vkey'), Buffer.from(`${signer.vkey}\n`)) // made anew at each start
  await files.syncDirectory(dataDir)
  const wal = walFile(files, dataDir, origin)
  await wal.begin(found.edge.size, found.tail, found.open.values())
  const epochs = epochKeys(files, dataDir, origin, keyEncryption)
  let keyFailure: string | null = null
  const keys = dataKeys(
    origin,
    epochs,
    error => {
      const before = keyFailure
      keyFailure = error === null ? null : error instanceof Error ? error.message : String(error)
      if (keyFailure !== before) troubles.tell({ about: 'keys', detail: keyFailure })
    },
    options.recipients,
  )
  const clock = entryClock(now, found.lastTime)
  await keys.prepare(now())
  const segments = segmentFile(files, dataDir, origin, error => appender.seal(null, error))
  const durable = listeners<DurableBatch>()
  const checkpoints = listeners<PublishedCheckpoint>()
  const sealings = listeners<LogFailure>()
  const troubles = listeners<LogTrouble>()
  let isOpen = false
  const quota = await openQuota({
    files,
    directory: dataDir,
    options: options.quota ?? {},
    now,
    onChange: () => announceQuota(),
    onFailure: error => appender.seal(null, error),
  })
  const publisher = openPublisher(
    files,
    dataDir,
    signer,
    {
      edge: found.edge,
      tail: found.tail,
      published: found.checkpoint,
      stale: await stalePartials(files, dataDir, found.first, found.size),
    },
    error => appender.seal(null, error),
  )
  const walLimit = options.walBytes ?? 16 * 1024 * 1024
  const interval = options.checkpointInterval ?? 1000
  /** Write-ahead files that a checkpoint over `until` entries makes superfluous. */
  let superfluous = (await files.list(join(dataDir, 'wal')))
    .filter(name => name !== walName(found.edge.size))
    .map(name => ({ name, until: found.edge.size }))
  /** Durable entries since the last multiple of 256. */
  let tail = [...found.tail]
  let timer: NodeJS.Timeout | null = null
  let lastPublished = 0
  let publishingSince = -1
  let closing: Promise<void> | null = null

  const appender = openAppender({
    size: found.size,
    open: found.open,
    deadline: options.deadline ?? 2000,
    now,
    clock,
    build: entryBuilder(origin, keys, clock),
    refuses(entry) {
      if (keys.refuses(entry.session ?? '', now())) return 'key-encryption'
      return quota.refuses(entry)
    },
    isReady: entry => keys.ready === null || keys.ready.count > 0 || !takesSealedKey(entry),
    whenReady: () => keys.ready?.whenReady() ?? Promise.resolve(),
    plan: segmentPlan(origin, options.segmentBytes ?? 128 * 1024 * 1024, found.segmentEnd),
    // A few records travel with their leaves, so that one sync makes both durable. A new segment begins with a sync.
    carries: batch => batch.records.length <= CARRIED_LIMIT && batch.segment === segments.current,
    writeRecords: batch => segments.write(batch.segment, batch.position, batch.records.buffers()),
    async writeLeaves(batch, carried) {
      const { segment, position } = batch
      const records = carried && batch.records.length > 0 ? batch.records.buffers() : null
      // Before anything is waited for: the records of the next batch may go to the segment, or begin another, meanwhile.
      if (records !== null) segments.writeLater(position, records)
      if (publisher.behind) await publisher.drained()
      if (wal.length > walLimit) await rotate()
      const leaves = batch.frames.buffers()
      if (records === null) await wal.write(leaves)
      else await wal.write(leaves, { segment, position, records })
    },
    onDurable(batch) {
      for (const { leaf } of batch.entries) {
        publisher.integrate(leaf)
        tail.push(leaf)
      }
      const full = tail.length - (tail.length % 256)
      if (full > 0) tail = tail.slice(full)
      durable.tell(batch)
      schedulePublication()
    },
    onSealed(failure) {
      quota.stop()
      if (timer !== null) clearTimeout(timer)
      sealings.tell(failure)
    },
  })

  function announceQuota(): void {
    if (!isOpen) return
    const { status } = quota
    appender.append(quotaEntry(now(), status)).catch(() => {}) // a log that cannot take it is sealed, and says so
    troubles.tell({ about: 'quota', detail: status.state === 'ok' ? null : quotaWords(status) })
  }

  async function rotate(): Promise<void> {
    const old = wal.first
    const first = publisher.size - tail.length
    if (first === old) return // a new file would have the same name; it grows a little longer
    await wal.begin(first, tail, appender.durableCalls())
    superfluous.push({ name: walName(old), until: first })
  }

  function schedulePublication(): void {
    timer ??= setTimeout(publishOnTimer, Math.max(0, lastPublished + interval - performance.now()))
  }

  function publishOnTimer(): void {
    timer = null
    if (publishingSince >= 0) {
      if (performance.now() - publishingSince > PUBLICATION_DEADLINE) {
        appender.seal('deadline', new Error(`a checkpoint took longer than ${PUBLICATION_DEADLINE} ms`))
      } else timer = setTimeout(publishOnTimer, interval)
      return
    }
    publish().catch(error => appender.seal(null, error))
  }

  async function publish(): Promise<PublishedCheckpoint> {
    if (appender.sealed !== null) throw new Refusal('audit-unavailable', { check: appender.sealed.check })
    publishingSince = performance.now()
    try {
      return await publishNow()
    } catch (error) {
      appender.seal(null, error) // whoever asked for it: a sync that failed is not tried again
      throw error
    } finally {
      publishingSince = -1
    }
  }

  async function publishNow(): Promise<PublishedCheckpoint> {
    const before = publisher.published
    const checkpoint = await publisher.publish()
    await segments.flush() // readers find the records of every published entry
    lastPublished = performance.now()
    if (checkpoint !== before) checkpoints.tell(checkpoint)
    // A write-ahead file goes only after the checkpoint has passed it and its tiles are on the disk.
    const gone = superfluous.filter(file => file.until <= checkpoint.size)
    if (gone.length > 0) {
      superfluous = superfluous.filter(file => file.until > checkpoint.size)
      await Promise.all([publisher.settle(), segments.sync()])
      for (const { name } of gone) await files.remove(join(dataDir, 'wal', name))
    }
    return checkpoint
  }

  async function closeAll(): Promise<void> {
    quota.stop()
    if (appender.waits) await appender.flushed() // what waits may begin calls that are to be ended
    if (appender.sealed === null) {
      const state = [...appender.openCalls().map(cutOutcome), stopEntry(now())]
      const appended = Promise.all(state.map(entry => appender.append(entry)))
      appender.stop()
      await appended.catch(() => {})
      await appender.flushed()
      if (timer !== null) clearTimeout(timer)
      if (appender.sealed === null) await publish().catch(error => appender.seal(null, error))
    }
    appender.stop()
    // A device that hangs must not hold up the end of the process.
    const ended = Promise.allSettled([segments.close(), wal.close(), publisher.drained()])
    await Promise.race([ended, new Promise(resolve => setTimeout(resolve, 1000).unref())])
    unlock()
  }

  const cut = [...found.open.values()]
  const recovery = {
    clean: found.clean,
    replayed: found.replayed,
    tornBytes: found.tornBytes,
    segmentBytesDropped: found.segmentBytesDropped,
    cutCalls: cut.length,
  }
  await Promise.all(
    [startEntry(now(), recovery), ...cut.map(cutOutcome)].map(entry => appender.append(entry)),
  )
  await publish()
  isOpen = true
  if (quota.status.state !== 'ok') announceQuota()

  return {
    origin,
    dataDir,
    vkey: signer.vkey,
    files,
    epochs,
    keyEncryption,
    get keyDay() {
      return keys.day
    },
    recovery,
    get sealed() {
      return appender.sealed !== null
    },
    get failure() {
      return appender.sealed
    },
    get keyFailure() {
      return keyFailure
    },
    get quota() {
      return quota.status
    },
    get size() {
      return appender.size
    },
    get checkpoint() {
      return publisher.published!
    },
    append: appender.append,
    publish,
    flush: segments.flush,
    onDurable: durable.add,
    onCheckpoint: checkpoints.add,
    onTrouble(listener) {
      if (keyFailure !== null) listener({ about: 'keys', detail: keyFailure })
      if (quota.status.state !== 'ok') listener({ about: 'quota', detail: quotaWords(quota.status) })
      return troubles.add(listener)
    },
    onSealed(listener) {
      if (appender.sealed !== null) listener(appender.sealed)
      return sealings.add(listener)
    },
    close() {
      closing ??= closeAll()
      return closing
    },
  }
}
