import type { ApprovalMessage } from '../approvals/message.ts'

/** One approval on one channel: what it is to be told, and what it has been told. In the state store, by compare-and-set. */
export interface Delivery {
  readonly channel: string
  readonly approval: string
  /** The newest step of the approval, and its message: kept here, for the approval itself is forgotten in an hour. */
  readonly wanted: string
  readonly message: ApprovalMessage
  /** The last step that arrived; null: none. */
  readonly done: string | null
  /** The channel's own name of it. */
  readonly reference: string | null
  /** Since the last success. */
  readonly attempts: number
  /** Not before this time. While somebody delivers it, when others may take it over. */
  readonly dueAt: number
  /** When it last changed. */
  readonly at: number
}

export const DELIVERY_KIND = 'notify.delivery'

export function deliveryKey(channel: string, approval: string): string {
  return `${channel}/${approval}`
}

/** Changes when there is something to tell. That one more request waits for it is not. */
export function stepOf({
  state,
  decisions,
  notices = [],
}: {
  state: string
  decisions: readonly unknown[]
  notices?: readonly unknown[]
}): string {
  const told = notices.length === 0 ? '' : `.${notices.length}`
  return `${state}.${decisions.length}${told}`
}

const FIRST = 1_000
const LONGEST = 300_000

/** Milliseconds until the next attempt: twice as long each time, up to five minutes, and never all at once. */
export function pauseAfter(attempts: number, random: number): number {
  const base = Math.min(LONGEST, FIRST * 2 ** Math.min(attempts - 1, 20))
  return Math.round(base * (0.75 + random / 2))
}
