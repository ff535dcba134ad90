import type { Recipient } from '../../keys/age/age.ts'
import type { KeyEncryption } from '../../keys/key-encryption.ts'
import type { AuditLog, NewEntry } from '../entry.ts'
import type { Files } from '../files/files.ts'
import type { EpochKeys } from '../keys/epochs.ts'
import type { QuotaOptions, QuotaStatus } from './quota.ts'

export interface AuditLogOptions {
  /** The log's own directory; everything but `secrets/` may be copied to an auditor. */
  readonly dataDir: string
  /** Name of the log in checkpoints and key: no space, no plus sign. Fixed for the life of the directory. */
  readonly origin: string
  /** Milliseconds since the epoch. */
  readonly clock?: () => number
  readonly files?: Files
  /** Default: the key file `secrets/kek`, made when missing. */
  readonly keyEncryption?: KeyEncryption
  /** Who alone can open what is sealed from now on; absent or empty: this log itself, for a reveal. */
  readonly recipients?: readonly Recipient[]
  /** Milliseconds an append may take before the log seals itself. Default 2000. */
  readonly deadline?: number
  /** Milliseconds between two checkpoints. Default 1000. */
  readonly checkpointInterval?: number
  /** Bytes after which a new segment or write-ahead file begins. Defaults 128 MiB and 16 MiB. */
  readonly segmentBytes?: number
  readonly walBytes?: number
  readonly quota?: QuotaOptions
}

/** The log of one process, open for writing. */
export interface OpenAuditLog extends AuditLog {
  readonly dataDir: string
  /** Verifier key, also in the file `log.vkey`. */
  readonly vkey: string
  /** Durable entries. */
  readonly size: number
  /** The newest published checkpoint; never ahead of `size`. */
  readonly checkpoint: PublishedCheckpoint
  /** Why the log is sealed; null while it is not. */
  readonly failure: LogFailure | null
  /**
   * Why the coming day's keys could not be had. Sessions that have keys stay under them; once the day has begun, new
   * sessions are refused (503, check `key-encryption`).
   */
  readonly keyFailure: string | null
  readonly quota: QuotaStatus
  /** What was found and repaired at open. */
  readonly recovery: RecoveryReport
  /** For readers in this process. */
  readonly epochs: EpochKeys
  /** `yyyy-mm-dd`: keys of this day and later ones are written with; those of earlier days can be destroyed. */
  readonly keyDay: string
  /** What wraps the log's keys. */
  readonly keyEncryption: KeyEncryption
  readonly files: Files
  /** Publishes a checkpoint over all entries that are durable now, without waiting for the interval. */
  publish(): Promise<PublishedCheckpoint>
  /** The records of all entries that are durable now can be read from their segments when it resolves. */
  flush(): Promise<void>
  /** Called in order, after durability; must not throw. Returns how to stop. */
  onDurable(listener: (batch: DurableBatch) => void): () => void
  onCheckpoint(listener: (checkpoint: PublishedCheckpoint) => void): () => void
  /** Called once, or at once when it is sealed already. */
  onSealed(listener: (failure: LogFailure) => void): () => void
  /** What an operator should know before it is too late; what is so already is told at once. */
  onTrouble(listener: (trouble: LogTrouble) => void): () => void
}

export interface LogTrouble {
  readonly about: 'keys' | 'quota'
  /** Null: it is over. */
  readonly detail: string | null
}

export interface PublishedCheckpoint {
  readonly size: number
  readonly root: Buffer
  /** The signed note. */
  readonly note: string
}

export interface LogFailure {
  readonly check: 'deadline' | 'disk-full' | 'io-error'
  readonly detail: string
  /** Milliseconds since the epoch. */
  readonly since: number
  readonly cause: unknown
}

export interface DurableBatch {
  /** Index of the first entry; the others follow without a gap. */
  readonly first: number
  readonly entries: readonly DurableEntry[]
}

export interface DurableEntry {
  readonly index: number
  readonly time: number
  readonly entry: NewEntry
  /** The leaf, canonical JSON. */
  readonly leaf: Buffer
  /** JSON of the head in the clear; null for an entry without one. */
  readonly head: Buffer | null
  /** Where its encrypted records begin; `segment` is the first entry of the segment file. */
  readonly segment: number
  readonly offset: number
  /** Bytes of its records; 0 for an entry without head and bodies. */
  readonly length: number
  /** Data keys whose wrapped form stands among its records. */
  readonly keys: readonly WrittenKey[] | null
}

export interface WrittenKey {
  /** Hex. */
  readonly kid: string
  /** Of its record, from the start of the segment file. */
  readonly offset: number
}

export interface RecoveryReport {
  /** The run before ended with `close`, or there was none. */
  readonly clean: boolean
  readonly replayed: number
  readonly tornBytes: number
  readonly segmentBytesDropped: number
  /** Calls that were under way when the process died and got an outcome `cut` now. */
  readonly cutCalls: number
}
