import { usage } from '../frame/failure.ts'

/** `2026-01-02 03:04:05` in UTC: the same for whoever reads it. */
export function shortTime(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ')
}

/** `3m`, `2h`, `5d`: how long ago, or until. */
export function span(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  if (seconds < 120) return `${seconds}s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`
  return `${Math.floor(seconds / 86_400)}d`
}

const units: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** Milliseconds of `90s`, `15m`, `1h30m`, `7d`. */
export function duration(text: string, option: string): number {
  if (!/^(\d{1,6}[smhdw])+$/.test(text))
    throw usage(`${option} takes a duration such as 15m, 2h or 7d, not ${text}`)
  let total = 0
  for (const [, count, unit] of text.matchAll(/(\d+)([smhdw])/g)) total += Number(count) * units[unit!]!
  return total
}

/** RFC 3339 of a moment given as such, as a date, or as a duration before now. */
export function moment(text: string, option: string, now: number): string {
  if (/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/.test(text)) {
    const dated = text.length === 10 ? `${text}T00:00:00Z` : text.replace(' ', 'T')
    const at = Date.parse(/(Z|[+-]\d{2}:\d{2})$/.test(dated) ? dated : `${dated}Z`)
    if (!Number.isNaN(at)) return new Date(at).toISOString()
  }
  return new Date(now - duration(text, option)).toISOString()
}
