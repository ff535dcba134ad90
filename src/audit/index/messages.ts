import type { PostgresSettings } from '../../postgres/settings.ts'
import type { WrittenKey } from '../log/contract.ts'
import type { AuditPage, AuditQuery, AuditRow, MaskCount, MaskReportQuery } from '../search/contract.ts'

export interface WorkerStart {
  readonly dataDir: string
  readonly databaseFile: string
  readonly origin: string
  /** Null: SQLite in `databaseFile`. */
  readonly postgres: PostgresSettings | null
}

export type ToWorker =
  | { readonly op: 'batch'; readonly first: number; readonly packed: ArrayBuffer }
  /** Entries below `size` can be read from tiles. */
  | { readonly op: 'published'; readonly size: number; readonly note: string }
  | { readonly op: 'epoch'; readonly id: string; readonly key: Uint8Array | null; readonly error?: string }
  | { readonly op: 'search'; readonly request: number; readonly query: AuditQuery }
  | { readonly op: 'masked'; readonly request: number; readonly query: MaskReportQuery }
  | { readonly op: 'show'; readonly request: number; readonly call: string }
  | { readonly op: 'tail'; readonly tail: number; readonly query: AuditQuery }
  | { readonly op: 'untail'; readonly tail: number }
  | { readonly op: 'rebuild'; readonly request: number }
  | { readonly op: 'close' }

export type FromWorker =
  /** `bytes` of batches that were taken or passed over. */
  | { readonly op: 'applied'; readonly next: number; readonly bytes: number }
  | { readonly op: 'epoch'; readonly id: string }
  | {
      readonly op: 'answer'
      readonly request: number
      readonly result?: AuditPage | CallPlaces | readonly MaskCount[] | null
      readonly error?: string
    }
  | { readonly op: 'rows'; readonly tail: number; readonly rows: readonly AuditRow[] }
  | { readonly op: 'failed'; readonly error: string; readonly corrupt: boolean }

/** What `show` needs to find and open a call's records. */
export interface CallPlaces {
  readonly row: AuditRow
  readonly policyDigest: string | null
  readonly entries: readonly EntryPlace[]
  /** More entries than are listed. */
  readonly more: boolean
  /** Origin of the log of another gateway that holds it: its bodies and tiles are not here. */
  readonly elsewhere?: string
}

export interface EntryPlace {
  readonly seq: number
  readonly phase: string
  readonly time: number
  readonly hash: Uint8Array
  readonly segment: number
  readonly offset: number
  readonly bodies: readonly (readonly [side: 'request' | 'response', keyClass: string, bytes: number])[]
  readonly keys: readonly WrittenKey[]
}
