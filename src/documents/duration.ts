const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `90s`, `1h30m`, `7d` in milliseconds; undefined when it is not a duration. Units: ms, s, m, h, d. */
export function parseDuration(text: string): number | undefined {
  if (!/^(?:\d{1,9}(?:ms|s|m|h|d))+$/.test(text)) return undefined
  let total = 0
  for (const [, count, unit] of text.matchAll(/(\d{1,9})(ms|s|m|h|d)/g))
    total += Number(count) * UNITS[unit!]!
  return Number.isSafeInteger(total) ? total : undefined
}
