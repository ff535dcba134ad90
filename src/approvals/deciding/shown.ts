import { type Principal, principalKey } from '../../identity/principal.ts'

/** When each person first saw an approval, at this gateway: a hint against clicking without reading, no right. */
export interface Shown {
  now(by: Principal, id: string): void
  /** Undefined: not here. */
  at(by: Principal, id: string): number | undefined
}

const MOST = 10_000

export function rememberShown(now: () => number): Shown {
  const times = new Map<string, number>()
  const keyOf = (by: Principal, id: string): string => `${id} ${principalKey(by)}`
  return {
    now(by, id) {
      const key = keyOf(by, id)
      if (times.has(key)) return
      if (times.size >= MOST) times.delete(times.keys().next().value!)
      times.set(key, now())
    },
    at: (by, id) => times.get(keyOf(by, id)),
  }
}
