import type { Grant } from '../contract.ts'

/** Why a held request goes on, in words. */
export function lifted({ approvers, brokenGlass, reason }: Grant): string {
  if (brokenGlass === true) return `the glass was broken, nobody approved it: ${reason ?? ''}`
  return `approved by ${approvers.join(', ')}`
}
