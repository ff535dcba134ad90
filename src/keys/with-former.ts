import type { KeyEncryption } from './key-encryption.ts'

/**
 * Wraps with `current`, and still reads what `former` wrapped: for the time between the choice of another
 * key-encryption key and the moment when everything is wrapped anew. Both authenticate what they open. A key file is
 * asked first, because it is at hand; what goes wrong is told in the words of `current`.
 */
export function withFormer(current: KeyEncryption, former: KeyEncryption): KeyEncryption {
  if (former.id === current.id) return current
  const isAtHand = former.id.startsWith('file:')
  return {
    id: current.id,
    wrap: (key, context) => current.wrap(key, context),
    async unwrap(wrapped, context) {
      const opened = isAtHand ? await former.unwrap(wrapped, context).catch(() => null) : null
      if (opened !== null) return opened
      try {
        return await current.unwrap(wrapped, context)
      } catch (error) {
        if (isAtHand) throw error
        return await former.unwrap(wrapped, context).catch(() => {
          throw error
        })
      }
    },
  }
}
