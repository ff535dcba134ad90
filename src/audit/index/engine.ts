import type { AuditPage, AuditQuery, MaskCount, MaskReportQuery } from '../search/contract.ts'
import type { CallPlaces } from './messages.ts'
import type { PackedEntry } from './pack.ts'

/** What keeps the index. Calls come one after the other, but for `search` and `find`, which may come at any time. */
export interface IndexEngine {
  /** The entry that it wants next: all before are found by searches. */
  readonly next: number
  /** Takes `entries`, the first of which is `next`. Resolves with the rows that became complete. */
  apply(entries: readonly PackedEntry[]): Promise<number[]>
  /** @param among Only these rows of this log, by their first entry. */
  search(query: AuditQuery, among?: readonly number[]): Promise<AuditPage>
  masked(query: MaskReportQuery): Promise<readonly MaskCount[]>
  find(call: string): Promise<CallPlaces | null>
  /** Forgets everything of this log. */
  empty(): Promise<void>
  close(): Promise<void>
}
