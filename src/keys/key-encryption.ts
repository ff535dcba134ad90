/**
 * Wraps the epoch keys of the log and the keys of masking. A key in a file is one; a KMS and Vault transit are others. `context` is bound to the
 * wrapped key (AAD, EncryptionContext): unwrapping under another one must fail.
 */
export interface KeyEncryption {
  /** Names provider and key, e.g. `file:3f2a…`; stored beside each wrapped key. */
  readonly id: string
  wrap(key: Uint8Array, context: Readonly<Record<string, string>>): Promise<Buffer>
  unwrap(wrapped: Uint8Array, context: Readonly<Record<string, string>>): Promise<Buffer>
}
