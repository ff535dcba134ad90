/**
 * The state store: documents, sessions, users, agents, enrolment tokens. Asynchronous, compare-and-set only, so
 * that SQLite (in a worker) and PostgreSQL share it. The audit log does not live here.
 */
export interface Stored<T = unknown> {
  readonly kind: string
  readonly key: string
  readonly value: T
  /** Grows with each write of this record; 1 at creation. */
  readonly version: number
  /** Store-wide revision of the last write; orders changes of all records. */
  readonly revision: number
}

export type Change =
  | { readonly op: 'create'; readonly kind: string; readonly key: string; readonly value: unknown }
  | {
      readonly op: 'update'
      readonly kind: string
      readonly key: string
      readonly value: unknown
      readonly version: number
    }
  | { readonly op: 'delete'; readonly kind: string; readonly key: string; readonly version: number }

export interface StateStore {
  get<T>(kind: string, key: string): Promise<Stored<T> | undefined>
  /** Ordered by key, `after` exclusive; at most `limit` (default 500). */
  list<T>(kind: string, options?: { prefix?: string; after?: string; limit?: number }): Promise<Stored<T>[]>
  /** All or nothing. Rejects with `StoreConflict` naming the first change whose precondition failed. */
  commit(changes: readonly Change[]): Promise<Stored[]>
  /** Deletes and writes after `revision`, in order; a deletion has `value: null`. */
  changesSince(revision: number, limit?: number): Promise<Stored[]>
  close(): Promise<void>
}

export class StoreConflict extends Error {
  readonly kind: string
  readonly key: string
  constructor(kind: string, key: string) {
    super(`${kind} ${key} was changed by somebody else`)
    this.name = 'StoreConflict'
    this.kind = kind
    this.key = key
  }
}
