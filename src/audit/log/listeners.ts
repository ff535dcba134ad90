/** Listeners of one event, told in the order in which they came. One that throws is a bug that stops nobody else. */
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
      for (const listener of all) {
        try {
          listener(event)
        } catch (error) {
          process.emitWarning(error instanceof Error ? error : new Error(String(error)))
        }
      }
    },
  }
}
