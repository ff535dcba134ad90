import type { RuleMatch } from '../../documents/schema/policy.ts'

/** When a rule holds, ready to be asked. */
export interface TimeMatch {
  /** `now`: milliseconds since the epoch. */
  holds(now: number): boolean
  /** As a person would say it: `within mon-fri 08:00-18:00 Europe/Berlin`. */
  readonly words: string
}

type Spec = NonNullable<RuleMatch['time']>
type Window = NonNullable<Spec['within']>[number]

const WEEK = 7 * 24 * 60
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

/** Any of the windows; `outside` turns the answer around. */
export function compileTime(spec: RuleMatch['time']): TimeMatch | null {
  if (spec === undefined) return null
  const windows = (spec.within ?? spec.outside!).map(compileWindow)
  const inside = (now: number): boolean => {
    for (let i = 0; i < windows.length; i++) if (windows[i]!.has(now)) return true
    return false
  }
  const list = (spec.within ?? spec.outside!).map(say).join(' or ')
  return spec.within === undefined
    ? { holds: now => !inside(now), words: `outside ${list}` }
    : { holds: inside, words: `within ${list}` }
}

function say({ days, hours, zone = 'UTC' }: Window): string {
  return [days?.join(','), hours, zone].filter(part => part !== undefined).join(' ')
}

/** A window belongs to the day on which it begins: `fri 22:00-06:00` ends on Saturday. */
function compileWindow({ days, hours = '00:00-24:00', zone = 'UTC' }: Window): { has(now: number): boolean } {
  const [from, to] = hours.split('-').map(minutesOf) as [number, number]
  const length = to > from ? to - from : to + 24 * 60 - from
  const begins = DAYS.flatMap((day, i) =>
    days === undefined || days.includes(day) ? [i * 24 * 60 + from] : [],
  )
  const minuteOf = clockOf(zone)
  return {
    has(now) {
      const minute = minuteOf(now)
      for (let i = 0; i < begins.length; i++) {
        const since = minute - begins[i]!
        if ((since < 0 ? since + WEEK : since) < length) return true
      }
      return false
    },
  }
}

function minutesOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5))
}

const clocks = new Map<string, (now: number) => number>()

/** Minute of the local week, Monday first. Asking the zone takes microseconds, so it is asked once a minute. */
function clockOf(zone: string): (now: number) => number {
  let clock = clocks.get(zone)
  if (clock === undefined) {
    clock = zone === 'UTC' ? utcMinute : zoneClock(zone)
    clocks.set(zone, clock)
  }
  return clock
}

/** The epoch was a Thursday. */
function utcMinute(now: number): number {
  return (((Math.floor(now / 60_000) + 3 * 24 * 60) % WEEK) + WEEK) % WEEK
}

function zoneClock(zone: string): (now: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  let known = Number.NaN
  let minuteOfWeek = 0
  return now => {
    const minute = Math.floor(now / 60_000)
    if (minute !== known) {
      const parts = new Map(format.formatToParts(minute * 60_000).map(p => [p.type, p.value]))
      const day = DAYS.indexOf(parts.get('weekday')!.toLowerCase() as (typeof DAYS)[number])
      minuteOfWeek = day * 24 * 60 + Number(parts.get('hour')) * 60 + Number(parts.get('minute'))
      known = minute
    }
    return minuteOfWeek
  }
}

/** Whether this machine knows the zone by this name (IANA). */
export function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: zone })
    return true
  } catch {
    return false
  }
}
