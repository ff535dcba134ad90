import type { MaskRule } from '../contract.ts'

/** Under which the set itself reports matches; the rules in force say what becomes of them. */
export const FINGERPRINT_RULE: MaskRule = Object.freeze({
  name: 'fingerprint',
  action: 'mask',
  first: 0,
  last: 0,
  keep: 'fingerprint',
  learn: false,
})
