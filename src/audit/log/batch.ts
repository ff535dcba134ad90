import type { EntryReceipt } from '../entry.ts'
import { openSlab, type Slab } from '../segments/slab.ts'
import type { DurableEntry } from './contract.ts'

/** Entries that become durable together. */
export interface Batch {
  readonly first: number
  readonly segment: number
  readonly position: number
  readonly records: Slab
  readonly frames: Slab
  readonly entries: DurableEntry[]
  readonly waiting: Waiting[]
  /** Somebody waits for it to be durable. */
  urgent: boolean
}

export interface Waiting {
  readonly resolve: (receipt: EntryReceipt) => void
  readonly reject: (error: Error) => void
}

export function openBatch(first: number, place: { segment: number; position: number }): Batch {
  return {
    first,
    segment: place.segment,
    position: place.position,
    records: openSlab(),
    frames: openSlab(),
    entries: [],
    waiting: [],
    urgent: false,
  }
}
