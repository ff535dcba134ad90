import { type Check, failed, ok, warning } from './check.ts'

/** Tokens live for minutes: a clock that is minutes wrong makes them end early, or not begin. */
const NOTABLE = 30_000
const WRONG = 120_000

/** `date` is the Date header of an answer, which has a resolution of one second. */
export function checkClock(date: string | undefined, sentAt: number, receivedAt: number): Check {
  const theirs = Date.parse(date ?? '')
  if (Number.isNaN(theirs)) return warning('clock', 'the gateway sent no Date')
  const here = (sentAt + receivedAt) / 2
  const apart = theirs + 500 - here
  const text = `this machine is ${Math.round(Math.abs(apart) / 1000)} s ${apart > 0 ? 'behind' : 'ahead of'} the gateway`
  if (Math.abs(apart) < NOTABLE) return ok('clock', text)
  const cure = 'sudo timedatectl set-ntp true'
  return Math.abs(apart) < WRONG ? warning('clock', text, cure) : failed('clock', text, cure)
}
