import type { MaskRule, TellTale, TextFinder } from '../contract.ts'

export interface OwnPattern {
  readonly regex: string
  readonly maximumLength: number
  readonly rule: MaskRule
}

/** What rules need of the detectors. */
export interface Detectors {
  /** Names that a rule may select. */
  readonly names: ReadonlySet<string>
  tellTale(name: string): TellTale | undefined
  createTextFinder(selected: ReadonlyMap<string, MaskRule>, own: readonly OwnPattern[]): TextFinder
  /** Why a pattern is refused. */
  checkOwnPattern(regex: string): string | null
}
