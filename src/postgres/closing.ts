import { atMost } from '../at-most.ts'

/** Milliseconds for a server to say goodbye. */
const LONGEST = 5_000

/** Waits for connections to end; a server that says nothing is not waited for longer than a few seconds. */
export function closing(ended: Promise<unknown>): Promise<void> {
  return atMost(ended, LONGEST)
}
