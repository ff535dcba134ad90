/** What passes between `openSqliteStore` and its worker. Values travel as JSON text: the worker never parses them. */
export interface RawRecord {
  readonly kind: string
  readonly key: string
  /** null is a deletion. */
  readonly value: string | null
  readonly version: number
  readonly revision: number
}

export interface RawChange {
  readonly kind: string
  readonly key: string
  /** null deletes. */
  readonly value: string | null
  /** null: the key must not be there. */
  readonly version: number | null
}

export type Operation =
  | { readonly op: 'revision' }
  | { readonly op: 'get'; readonly kind: string; readonly key: string }
  | {
      readonly op: 'list'
      readonly kind: string
      /** Inclusive; '' is the beginning. */
      readonly from: string
      /** Exclusive. */
      readonly after: string | null
      /** Exclusive; null is the end. */
      readonly before: string | null
      readonly limit: number
    }
  | { readonly op: 'changes'; readonly revision: number; readonly limit: number }
  | { readonly op: 'commit'; readonly changes: readonly RawChange[] }
  | { readonly op: 'close' }

export type Request = Operation & { readonly id: number }

export type Answer =
  | { readonly id: number; readonly records: readonly RawRecord[] }
  | { readonly id: number; readonly revision: number }
  | { readonly id: number; readonly conflict: { readonly kind: string; readonly key: string } }
  | { readonly id: number; readonly compacted: true }
  | { readonly id: number; readonly failed: string }
