import type { MaskRule, TellTale, TextFinder } from '../contract.ts'
import { detectors } from '../detect/detectors.ts'
import { tellTale } from '../detect/key-names.ts'
import { checkOwnPattern } from '../detect/own-pattern.ts'
import { createTextFinder, type OwnRule } from '../detect/text-finder.ts'

/** What rules need of the detectors. */
export interface Detectors {
  /** Names that a rule may select. */
  readonly names: ReadonlySet<string>
  tellTale(name: string): TellTale | undefined
  createTextFinder(selected: ReadonlyMap<string, MaskRule>, own: readonly OwnRule[]): TextFinder
  /** Why a pattern is refused; `longest` is how many characters of a match it asks for. */
  checkOwnPattern(regex: string, longest?: number): string | null
}

export const shippedDetectors: Detectors = {
  names: new Set(detectors.keys()),
  tellTale,
  createTextFinder,
  checkOwnPattern,
}
