const DEPTH_LIMIT = 200
const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)

/**
 * A decoded body as CEL sees it: objects become Maps (a key named `constructor` or `__proto__` is then a key like any
 * other), integers become int64, all other numbers double. Source: CEL's mapping of JSON, with integers kept.
 */
export function conditionValue(value: unknown, depth = 0): unknown {
  if (depth > DEPTH_LIMIT) throw new Error('the body is nested too deeply')
  switch (typeof value) {
    case 'number':
      return Number.isSafeInteger(value) ? BigInt(value) : value
    case 'bigint':
      return value <= INT64_MAX && value >= INT64_MIN ? value : Number(value)
    case 'undefined':
      return null
    case 'object': {
      if (value === null) return null
      if (Array.isArray(value)) return value.map(item => conditionValue(item, depth + 1))
      const map = new Map<string, unknown>()
      for (const key of Object.keys(value)) {
        map.set(key, conditionValue((value as Record<string, unknown>)[key], depth + 1))
      }
      return map
    }
    default:
      return value
  }
}
