/** Listeners of one event, told in the order in which they came. */
export interface Listeners<T> {
  add(listener: (event: T) => void): () => void
  tell(event: T): void
}

export function listeners<T>(): Listeners<T> {
  const all = new Set<(event: T) => void>()
  return {
    add(listener) {
      all.add(listener)
      return () => all.delete(listener)
    },
    tell(event) {
      for (const listener of all) listener(event)
    },
  }
}
