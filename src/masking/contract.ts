/**
 * The words that the parts of masking share. Rules say what is a secret and what becomes of it; a scanner finds the
 * places in a text; a placeholder stands there instead; the original goes into the sealed delta of the record.
 */
export type MaskDirection = 'response' | 'request' | 'trail'

/**
 * `mask`: a placeholder of fixed length. `partial`: some first and last characters stay. `fingerprint`: a placeholder
 * whose tag is the value's fingerprint, so that equal values look equal. `drop`: the member is left out of its object
 * (an element of an array becomes a placeholder: positions must not move).
 */
export type MaskAction = 'mask' | 'partial' | 'fingerprint' | 'drop'

/** What is kept of an original: the sealed value, only its fingerprint, or nothing. */
export type Keep = 'raw' | 'fingerprint' | 'none'

export interface MaskRule {
  /** 1 to 24 of [a-z0-9-]; stands in the placeholder, in the record and in reports. */
  readonly name: string
  readonly action: MaskAction
  /** For `partial`: characters that stay. */
  readonly first: number
  readonly last: number
  readonly keep: Keep
  /** Whether values that this rule masks are remembered by fingerprint, to be found again elsewhere. */
  readonly learn: boolean
}

/** How the text at a field must be read before it can be masked, and in what form the placeholder is written. */
export type FieldEncoding =
  /** The string itself. */
  | 'text'
  /** base64 of bytes: the placeholder is base64 as well. */
  | 'base64'
  /** base64 of base64 of gzip of JSON: a Helm release; masked within, and written the same way again. */
  | 'helm-release'
  /** base64 of a JSON object whose leaf strings are secrets, such as `.dockerconfigjson`. */
  | 'base64-json'

/** A place by structure. A container at the end of the path stands for all strings and numbers in it. */
export interface FieldRule {
  /** Member names from the root of the object; `*` is any one member or element. */
  readonly path: readonly string[]
  readonly encoding: FieldEncoding
  readonly rule: MaskRule
}

/** Of a member's name or an environment variable's: how much it tells of its value. */
export type TellTale =
  /** `password`: whatever stands there is a secret. */
  | 'strong'
  /** `token`, `key`: a secret if the value looks like one. */
  | 'weak'

export interface Finding {
  /** Offsets in the text that was searched, in its own units. */
  readonly start: number
  readonly end: number
  readonly rule: MaskRule
}

/** Looks for secrets by the look of the text: keys, tokens, connection strings, `password=…`. */
export interface TextFinder {
  /**
   * The next offset at or after `from` where a finding might be, or -1. Cheap (one native search over the whole text);
   * whatever `find` finds in a part of `text` contains an offset that this gives. `same`: the bytes of a text that is
   * latin1, where the caller has them; then they need not be made. `until`: what begins there or behind it is not asked for.
   */
  next(text: string, from: number, same?: Uint8Array, until?: number): number
  /** Appends what is found, in order, without overlaps. `text` holds UTF-16 units, or bytes as latin1. */
  find(text: string, found: Finding[]): void
}

/** Values seen before, by keyed hash. Texts and values are bytes, each a character (latin1). */
export interface FingerprintFinder {
  /** While it stays the same, no value was added: what `find` did not find, it does not find now. Undefined: not known. */
  readonly changes?: number | undefined
  /** Cheap, and never false when `find` over these bytes (as latin1) would find something. */
  mayHold(bytes: Uint8Array, start: number, end: number): boolean
  /** Appends words and whole texts that were seen as secrets, in order, without overlaps. */
  find(text: string, found: Finding[]): void
  /** The rule under which `value` was learned, when it was. */
  match(value: string): MaskRule | undefined
  /**
   * Remembers a value, if it is long and random enough to be told from ordinary text. `source`: where it stands (connection
   * and namespace); what comes from one place can make only that place's older values be forgotten.
   */
  learn(value: string, rule: MaskRule, source?: string): void
}

/** The rules that hold for one principal on one connection in one direction. Immutable; made once and kept. */
export interface ActiveRules {
  /** `sha256:` and hex of the documents that these came from. */
  readonly digest: string
  /** The same for sets that mask the same, whatever documents they came from. */
  readonly same: string
  /** Names of rules that an exemption switched off here, for the record. */
  readonly exempt: readonly string[]
  /**
   * Whether they mask all that the trail must not show. Else what passes under them is recorded sealed: others read the
   * trail than the one who may see it.
   */
  readonly complete: boolean
  /**
   * Rules for objects of a kind: all that name it, of any version. `kind` alone as in Kubernetes, group without version.
   * The most special one first: of those that reach a place, the first one holds there. What cannot be read in the
   * encoding of its rule is masked whole.
   */
  fields(group: string, kind: string): readonly FieldRule[]
  /** Whether only documents of an operator (not the shipped defaults) have rules for the kind. */
  hasOwnFields(group: string, kind: string): boolean
  /** Asked once for each distinct member name; with the strength, the rule that applies. */
  key(name: string): { readonly rule: MaskRule; readonly strength: TellTale } | undefined
  /** The same for names of environment variables (`{name, value}` in `env`). */
  env(name: string): { readonly rule: MaskRule; readonly strength: TellTale } | undefined
  readonly text: TextFinder
  /** What becomes of values that were seen as secrets before; null where they are not looked for. */
  readonly fingerprint: MaskRule | null
}
