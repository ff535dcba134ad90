import { randomBytes } from 'node:crypto'
import { API_GROUP } from '../../brand.ts'

/**
 * kube-apiserver keeps the answer to a TokenReview for 10 s, by token and list of audiences (apiserver
 * `authentication/token/cache`): the token of a deleted pod would pass for 10 s there and then for as long again in
 * our own cache. An audience that occurs once makes it look every time; no token carries it, so it widens nothing.
 */
export function withFreshAudience(audiences: readonly string[]): string[] {
  return [...audiences, `${API_GROUP}/asked-${randomBytes(9).toString('base64url')}`]
}

/** What the API server's own audiences are is only learned from an answer. Milliseconds. */
const REMEMBER = 600_000

export interface LearnedAudiences {
  get(connection: string): readonly string[] | undefined
  learn(connection: string, audiences: readonly string[]): void
  forget(connection: string): void
}

export function createLearnedAudiences(now: () => number): LearnedAudiences {
  const learned = new Map<string, { readonly audiences: readonly string[]; readonly at: number }>()
  return {
    get(connection) {
      const entry = learned.get(connection)
      return entry !== undefined && now() - entry.at < REMEMBER ? entry.audiences : undefined
    },
    learn(connection, audiences) {
      learned.set(connection, { audiences, at: now() })
    },
    forget(connection) {
      learned.delete(connection)
    },
  }
}

export function intersects(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return Array.isArray(a) && a.some(item => b.includes(item))
}
