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
const KEPT = 64

/** Made at the same time: the library waits for Node's thread pool most of its time. */
const AT_ONCE = 4

export function readyKeys(recipients: readonly Recipient[]): ReadyKeys {
  const ready: ReadyKey[] = []
  const waiters: { resolve: () => void; reject: (error: unknown) => void }[] = []
  let isFilling = false

  async function makeSome(): Promise<void> {
    while (ready.length < KEPT) {
      const bytes = randomBytes(32)
      ready.push({ bytes, wrapping: await ageEncrypt(recipients, bytes) })
      for (const { resolve } of waiters.splice(0)) resolve()
    }
  }

  async function fill(): Promise<void> {
    if (isFilling) return
    isFilling = true
    let failure: unknown = null
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, makeSome))
    } catch (error) {
      failure = error
    }
    isFilling = false
    // Some may have been taken, and waited for, between the last one and here.
    if (failure === null) {
      if (ready.length < KEPT) void fill()
    } else for (const { reject } of waiters.splice(0)) reject(failure)
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
