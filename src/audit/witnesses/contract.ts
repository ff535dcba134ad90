/** One who cosigns this log's checkpoints, however it is reached. */
export interface WitnessLink {
  /** For people: `agent edge-1`, or the URL. */
  readonly name: string
  /** Verifier key of its cosignatures (type 4). */
  readonly vkey: string
  /** Sends a body of C2SP add-checkpoint. Rejects when there is no answer. */
  addCheckpoint(body: Buffer, signal: AbortSignal): Promise<WitnessReply>
}

export interface WitnessReply {
  readonly status: number
  readonly mediaType: string
  readonly body: string
}

/** What came of asking one witness. */
export type Asked =
  | { readonly state: 'cosigned'; readonly size: number; readonly time: number; readonly line: string }
  /** It says that this log contradicts what it has seen: a fork or a rollback of ours, or it lies. */
  | { readonly state: 'conflict'; readonly detail: string }
  /** It knows neither log nor key, or answers in no way that the specification has. */
  | { readonly state: 'refused'; readonly detail: string }
  | { readonly state: 'unreachable'; readonly detail: string }

export interface WitnessStatus {
  readonly name: string
  readonly vkey: string
  readonly state: Asked['state'] | 'unasked'
  /** Entries under its last cosignature. */
  readonly size: number
  /** Of its last cosignature, by its own clock; milliseconds since the epoch. */
  readonly time: number | null
  readonly detail?: string
}

export interface WitnessingStatus {
  /** Cosignatures that a checkpoint needs; 0: one is enough, and its absence is told and nothing more. */
  readonly required: number
  readonly action: 'alert' | 'seal'
  /** Entries under a checkpoint that has enough cosignatures. */
  readonly size: number
  /** Since when entries are published without; null while there are none. */
  readonly unwitnessedSince: number | null
  /** It has lasted longer than it may. */
  readonly overdue: boolean
  /** New calls are refused for it. */
  readonly blocked: boolean
  readonly witnesses: readonly WitnessStatus[]
}

export interface Witnessing {
  status(): WitnessingStatus
  /** The newest checkpoint with enough cosignatures, as it stands in the file `checkpoint.cosigned`. */
  readonly cosigned: { readonly size: number; readonly note: string } | null
  /** Asks all witnesses about the newest checkpoint now. */
  round(): Promise<void>
  close(): Promise<void>
}
