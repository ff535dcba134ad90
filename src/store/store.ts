/**
 * The state store: documents, sessions, users, agents, enrolment tokens. Asynchronous, compare-and-set only, so
 * that SQLite (in a worker) and PostgreSQL share it. The audit log does not live here.
 */
export interface Stored<T = unknown> {
  readonly kind: string
  readonly key: string
  readonly value: T
  /**
   * Grows with each write of this key; 1 at its first creation. A key that is deleted and created again goes on
   * counting while its deletion is remembered, so that a version read before never matches the new record.
   */
  readonly version: number
  /** Store-wide revision of the last write, unique per change; orders changes of all records. */
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
  /** The newest revision; 0 in a new store. */
  revision(): Promise<number>
  get<T>(kind: string, key: string): Promise<Stored<T> | undefined>
  /** Ordered by key (as UTF-8 bytes), `after` exclusive; at most `limit` (default 500). */
  list<T>(kind: string, options?: { prefix?: string; after?: string; limit?: number }): Promise<Stored<T>[]>
  /** All or nothing. Rejects with `StoreConflict` naming the first change whose precondition failed. */
  commit(changes: readonly Change[]): Promise<Stored[]>
  /**
   * Deletes and writes after `revision`, in order; a deletion has `value: null`. A record that changed more than once
   * comes once, in its last state. Deletions are remembered for an hour: rejects with `StoreCompacted` when some
   * after `revision` are forgotten (then read everything again). Revision 0 never rejects so. At most `limit` (500).
   */
  changesSince(revision: number, limit?: number): Promise<Stored[]>
  /**
   * Calls the listener soon after something was committed, by whichever process: a hint that can be lost, so polling
   * goes on beside it. Absent where nothing tells. Returns how to stop.
   */
  onChange?(listener: () => void): () => void
  close(): Promise<void>
}

/** The follower was away for too long; what it holds must be read again. */
export class StoreCompacted extends Error {
  constructor() {
    super('changes after this revision are no longer remembered')
    this.name = 'StoreCompacted'
  }
}

/**
 * The store cannot be read or written (I/O error, full disk, server gone, closed). Unless `effect` is `none`, a commit may
 * have taken effect all the same.
 */
export class StoreUnavailable extends Error {
  readonly effect: 'unknown' | 'none'
  constructor(reason: string, cause?: unknown, effect: 'unknown' | 'none' = 'unknown') {
    super(`the state store is not available: ${reason}`, cause === undefined ? undefined : { cause })
    this.name = 'StoreUnavailable'
    this.effect = effect
  }
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
