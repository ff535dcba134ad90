import { Refusal } from '../../errors/refusal.ts'
import type { RecordedLink } from '../contract.ts'
import { collect } from './collect.ts'
import { ownCall } from './own-call.ts'

/** Of `authentication.k8s.io/v1` TokenReview `status`. */
export type TokenReviewResult =
  | { readonly authenticated: false; readonly error: string }
  | {
      readonly authenticated: true
      readonly username: string
      readonly uid: string
      readonly groups: readonly string[]
      readonly extra: ReadonlyMap<string, readonly string[]>
      readonly audiences: readonly string[]
    }

/** Groups and extras of one account; the API server's own answer is far smaller. */
const LIMIT = 256 * 1024

/**
 * Asks the connection's own API server whether a token is good. Authenticated only if it says so in so many words
 * and names somebody. Rejects with Refusal `credential-unverifiable` when it could not be asked or gave no verdict.
 */
export async function reviewToken(
  link: RecordedLink,
  connection: string,
  token: string,
  audiences: readonly string[] = [],
): Promise<TokenReviewResult> {
  const body = Buffer.from(
    JSON.stringify({
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, ...(audiences.length === 0 ? {} : { audiences }) },
    }),
  )
  const call = ownCall(connection, 'tokenreview', {
    method: 'POST',
    target: '/apis/authentication.k8s.io/v1/tokenreviews',
    headers: ['accept', 'application/json', 'content-type', 'application/json'],
    body,
  })
  const answer = await collect(link, call, LIMIT).catch((error: unknown) => {
    throw unverifiable(error instanceof Refusal ? error.code : 'failed', error)
  })
  if (answer.status !== 200 && answer.status !== 201) throw unverifiable(`status ${answer.status}`)
  let review: Fields
  try {
    review = fieldsOf(JSON.parse(answer.body.toString('utf8')))
  } catch {
    throw unverifiable('no JSON')
  }
  if (review.kind !== 'TokenReview') throw unverifiable('no TokenReview')
  return verdictOf(fieldsOf(review.status), audiences)
}

function verdictOf(status: Fields, asked: readonly string[]): TokenReviewResult {
  const user = fieldsOf(status.user)
  const username = user.username
  if (status.authenticated !== true || typeof username !== 'string' || username === '') {
    return { authenticated: false, error: typeof status.error === 'string' ? status.error.slice(0, 300) : '' }
  }
  const audiences = stringsOf(status.audiences)
  // An API server that does not know audiences leaves them out: then the token is not bound to ours.
  if (asked.length > 0 && !audiences.some(audience => asked.includes(audience))) {
    return { authenticated: false, error: 'the token is for another audience' }
  }
  return {
    authenticated: true,
    username,
    uid: typeof user.uid === 'string' ? user.uid : '',
    groups: stringsOf(user.groups),
    extra: new Map(Object.entries(fieldsOf(user.extra)).map(([key, values]) => [key, stringsOf(values)])),
    audiences,
  }
}

type Fields = Readonly<Record<string, unknown>>

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
}

function stringsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter(one => typeof one === 'string') : []
}

function unverifiable(check: string, cause?: unknown): Refusal {
  return new Refusal('credential-unverifiable', {
    check: 'tokenreview',
    detail: `the cluster could not be asked about the token (${check})`,
    retryAfter: 2,
    cause,
  })
}
