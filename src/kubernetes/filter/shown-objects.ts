import type { ObjectFacts } from './contract.ts'

/** Objects of one watch that are remembered: some 10 MB of identities. */
const MOST = 100_000

/** What a caller is told of a change: as it is, under another type, that the object has gone, or nothing. */
export type Telling = 'as-it-is' | 'ADDED' | 'gone' | 'nothing'

/**
 * Which objects a watch has shown. An object that may no longer be seen is deleted to the caller, once; one that may be seen
 * from now on is added. The cluster tells neither: it does not know our policy.
 */
export class ShownObjects {
  /** False: it was seen to be hidden, and the caller does not have it. */
  readonly #known = new Map<string, boolean>()
  readonly #most: number
  readonly #fromStart: boolean

  constructor(fromStart: boolean, most = MOST) {
    this.#fromStart = fromStart
    this.#most = most
  }

  /** Null: too many to be remembered. */
  tell(type: string, object: ObjectFacts, isShown: boolean): Telling | null {
    const id = object.uid === '' ? `${object.namespace}/${object.name}` : object.uid
    const before = this.#known.get(id)
    if (type === 'DELETED') {
      this.#known.delete(id)
      if (isShown) return before === false ? 'nothing' : 'as-it-is'
      return before === true ? 'gone' : 'nothing'
    }
    if (!isShown) {
      // What is hidden must not use up the room for what is shown; from the start it is what is not known.
      if (before !== undefined || (!this.#fromStart && this.#known.size < this.#most / 2))
        this.#known.set(id, false)
      return before === true ? 'gone' : 'nothing'
    }
    if (before === undefined && this.#known.size >= this.#most) return null
    this.#known.set(id, true)
    // A watch that goes on from a list does not know what that list has shown.
    const isNew = before === false || (before === undefined && this.#fromStart)
    return isNew && type === 'MODIFIED' ? 'ADDED' : 'as-it-is'
  }
}
