import type { Polled } from '../contract.ts'

/** Of what was read at once. Who says both has doubts; and a denial must not come too late by the order of a list. */
export function denialsFirst(polled: readonly Polled[]): readonly Polled[] {
  const isDenial = (one: Polled): boolean => one.kind === 'said' && one.verdict === 'deny'
  return [...polled.filter(isDenial), ...polled.filter(one => !isDenial(one))]
}
