/** What a reveal shows. The digest in the log is over its JSON, so members stand in this order. */
export interface Revealed {
  readonly values: readonly RevealedValue[]
  readonly bodies: readonly RevealedBody[]
  /** More was sealed than could be listed. */
  readonly truncated: boolean
}

export interface RevealedValue {
  readonly call: string
  /** Index of the entry. */
  readonly entry: number
  readonly side: 'request' | 'response'
  readonly pointer: string
  readonly rule: string
  /**
   * `open`: here it is. `recipients`: only they can open it. `not-kept`: the rule keeps none, or its fingerprint
   * only. `destroyed`: its key was shredded.
   */
  readonly state: 'open' | 'recipients' | 'not-kept' | 'destroyed'
  readonly text?: string
  /** Of a value that is not text. */
  readonly base64?: string
  readonly locked?: LockedValue
}

/** A whole body: one that could not be scanned, or the original of a masked one, proven against its commitment. */
export interface RevealedBody {
  readonly call: string
  readonly side: 'request' | 'response'
  readonly mediaType: string
  readonly state: 'open' | 'recipients' | 'destroyed'
  /** Restored from a masked body. */
  readonly restored: boolean
  readonly text?: string
  readonly base64?: string
  readonly locked?: LockedBody
}

/** Everything that a recipient's identity needs to open one value. */
export interface LockedValue {
  /** Base64 of a file of age that holds the data key. */
  readonly key: string
  /** base64url of the commitment to that key. */
  readonly commitment: string
  /** Base64: nonce, AAD, and ciphertext with tag (AES-256-GCM). */
  readonly nonce: string
  readonly context: string
  readonly sealed: string
}

export interface LockedBody {
  readonly key: string
  /** AAD is this text and the first 32 bytes of a record. */
  readonly context: string
  /** Base64 of the records, in order. */
  readonly records: readonly string[]
}
