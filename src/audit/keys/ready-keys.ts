import { randomBytes } from 'node:crypto'
import { ageEncrypt, type Recipient } from '../../keys/age/age.ts'

/** A new data key, and the file of age in which the recipients find it. */
export interface ReadyKey {
  readonly bytes: Buffer
  readonly wrapping: Buffer
}

/**
 * Data keys that are encrypted for the recipients before somebody needs them: the library of age is asynchronous, and a
 * session's key is made in the midst of an append. Nothing is written under a key that is not in here.
 */
export interface ReadyKeys {
  /** How many can be taken without waiting. */
  readonly count: number
  /** Throws when there is none: `whenReady` comes before. */
  take(): ReadyKey
  /** Resolves when there is one; rejects when none can be made. */
  whenReady(): Promise<void>
}

/** Sessions that may begin in one moment without waiting. One costs some milliseconds a recipient. */
const KEPT = 32

export function readyKeys(recipients: readonly Recipient[]): ReadyKeys {
  const ready: ReadyKey[] = []
  let waiters: { resolve: () => void; reject: (error: unknown) => void }[] = []
  let isFilling = false

  async function fill(): Promise<void> {
    if (isFilling) return
    isFilling = true
    try {
      while (ready.length < KEPT) {
        const bytes = randomBytes(32)
        ready.push({ bytes, wrapping: await ageEncrypt(recipients, bytes) })
        for (const { resolve } of waiters.splice(0)) resolve()
      }
    } catch (error) {
      const failed = waiters
      waiters = []
      for (const { reject } of failed) reject(error)
    } finally {
      isFilling = false
    }
  }

  return {
    get count() {
      return ready.length
    },
    take() {
      const key = ready.shift()
      if (key === undefined) throw new Error('no data key is ready for the recipients')
      void fill()
      return key
    },
    whenReady() {
      if (ready.length > 0) return Promise.resolve()
      return new Promise((resolve, reject) => {
        waiters.push({ resolve, reject })
        void fill()
      })
    },
  }
}
