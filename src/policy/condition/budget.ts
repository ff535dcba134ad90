/** Work that one evaluation may do, in units of about 100 ns. */
const UNITS = 50_000

/**
 * Evaluation is synchronous and never nested, so one counter is enough. Once it is used up every further charge
 * throws: quantifiers swallow errors of single elements and would go on otherwise.
 */
let remaining = 0

export function startBudget(): void {
  remaining = UNITS
}

export function budgetSpent(): boolean {
  return remaining < 0
}

export function charge(units: number): void {
  remaining -= units
  if (remaining < 0) throw new Error('the condition does too much work on this request')
}

/** Charges for what touching all of `value` once costs, and returns it. */
export function metered(value: unknown): unknown {
  if (typeof value === 'string') charge(1 + (value.length >> 6))
  else if (Array.isArray(value)) charge(1 + value.length)
  else if (value instanceof Map) charge(1 + value.size)
  else charge(1)
  return value
}
