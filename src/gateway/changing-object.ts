import { setTimeout } from 'node:timers/promises'

/**
 * Times that a write is looked at, and times that it is sent, while its object keeps changing. A new Deployment is written a few
 * times a second by its controllers, and whoever patches it without a version expects no conflict.
 */
export const TRIES = 10

const FIRST = 10
const LONGEST = 500

/** Before the next of them: up to twice as long each time, from 10 ms to half a second, so that several writers do not meet again. */
export function letItSettle(tries: number): Promise<void> {
  const most = Math.min(LONGEST, FIRST * 2 ** tries)
  return setTimeout(most / 2 + (Math.random() * most) / 2)
}
