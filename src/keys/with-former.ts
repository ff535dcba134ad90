import type { KeyEncryption } from './key-encryption.ts'

/**
 * Wraps with `current`, and still reads what `former` wrapped: for the time between the choice of another
 * key-encryption key and the moment when everything is wrapped anew. `former` is asked first, because it is a file at
 * hand and authenticates what it opens; what goes wrong is told in the words of `current`.
 */
export function withFormer(current: KeyEncryption, former: KeyEncryption): KeyEncryption {
  if (former.id === current.id) return current
  return {
    id: current.id,
    wrap: (key, context) => current.wrap(key, context),
    async unwrap(wrapped, context) {
      const opened = await former.unwrap(wrapped, context).catch(() => null)
      return opened ?? (await current.unwrap(wrapped, context))
    },
  }
}
