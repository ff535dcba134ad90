/** Start and end offsets, one pair after the other, in the text that was searched. */
export type Spans = number[]

/**
 * A kind of secret that is known by its look. Every regular expression of a detector runs in linear time: no quantifier
 * within a quantifier, every repetition bounded.
 */
export interface Detector {
  /** 1 to 24 of [a-z0-9-], as rules name it. */
  readonly name: string
  /** One line for the reference and for people who write rules. */
  readonly about: string
  /** Data about people: on only where a rule names it. */
  readonly personal: boolean
  /** Each secret of this kind has one of these within it or near it, within the same text. */
  readonly anchors: readonly Anchor[]
  /**
   * Appends the secrets that the anchor at `at` belongs to. `behind` is the end of the last span that this detector
   * gave in this text, 0 at first; one that knows more returns up to where it has seen everything.
   */
  look(text: string, at: number, behind: number, spans: Spans): number | undefined
  /**
   * Cheap: false when `look` can find nothing at this anchor, whatever stands before and after `text`'s ends. A longer
   * text around the same place must not turn true into false.
   */
  possible?(text: string, at: number): boolean
}

/**
 * 2 to 24 letters to be searched for. `[a-z]`, `[^a-z]` stand for one letter; `ignoreCase` is about ASCII.
 */
export interface Anchor {
  readonly text: string
  readonly ignoreCase: boolean
}

export function exactly(...texts: readonly string[]): Anchor[] {
  return texts.map(text => ({ text, ignoreCase: false }))
}

export function anyCase(...texts: readonly string[]): Anchor[] {
  return texts.map(text => ({ text, ignoreCase: true }))
}

/** The first match of a sticky pattern at an offset. */
export function matchAt(sticky: RegExp, text: string, at: number): RegExpExecArray | null {
  sticky.lastIndex = at
  return sticky.exec(text)
}

export function testAt(sticky: RegExp, text: string, at: number): boolean {
  sticky.lastIndex = at
  return sticky.test(text)
}

/** ASCII letters and digits. */
export function isAlphanumeric(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
}
