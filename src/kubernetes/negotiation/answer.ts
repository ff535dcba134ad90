import { Refusal } from '../../errors/refusal.ts'
import type { ParsedRequest } from '../request/contract.ts'
import { type Endpoint, endpointOf } from './endpoint.ts'

const OPENAPI = /^application\/com\.github\.proto-openapi\.spec\.v[23][@.]v1\.0\+protobuf$/

/** How the body of an answer is to be read; `nothing`: there is none, or it is a document about the API itself. */
export type AnswerReading = 'json' | 'text' | 'nothing'

/**
 * Looks at the head of what came back, before a byte of it is released, and says how its body is read. Fails closed: a
 * form that was not asked for or that nobody can read, a coding, a part of a document or a way to another host is Refusal
 * `upstream-answer-refused`. `headers` is flat with lower-case names.
 */
export function checkAnswer(
  parsed: ParsedRequest,
  status: number,
  headers: readonly string[],
): AnswerReading {
  const endpoint = endpointOf(parsed)
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw refused('answer-status', `status ${status}`)
  }
  if (status === 206) throw refused('answer-part', 'a part of a document was never asked for')
  if (status >= 300 && status < 400 && status !== 304) {
    throw refused(
      'answer-redirect',
      'the upstream points elsewhere; redirects are neither followed nor passed on',
    )
  }
  if (status === 401 && endpoint !== 'proxied') {
    // What upstream authenticates is the agent. A 401 passed on would tell the caller to sign in again, in vain.
    throw refused('answer-401', "the upstream did not accept the agent's credential")
  }
  let contentType: string | undefined
  let contentLength: string | undefined
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const value = headers[i + 1]!
    switch (headers[i]) {
      case 'content-type':
        if (contentType !== undefined) throw refused('answer-content-type', 'more than one Content-Type')
        contentType = value
        break
      case 'content-length':
        contentLength = value
        break
      case 'content-encoding':
        if (value.trim().toLowerCase() !== 'identity') {
          throw refused('answer-content-encoding', 'the answer is compressed, which was not asked for')
        }
        break
      case 'location':
        if (status === 304) throw refused('answer-redirect', 'the upstream points elsewhere')
        break
      default:
    }
  }
  if (contentType === undefined) {
    const isEmpty = status === 204 || status === 304 || parsed.method === 'HEAD' || contentLength === '0'
    if (!isEmpty) throw refused('answer-content-type', 'no Content-Type')
    return 'nothing'
  }
  const mediaType = mediaTypeOf(contentType)
  if (!isExpected(endpoint, status, mediaType)) {
    throw refused('answer-content-type', `an answer of an unexpected type (${printable(contentType)})`)
  }
  // The head alone: its type is that of the body that GET would give.
  return parsed.method === 'HEAD' ? 'nothing' : readingOf(endpoint, status, mediaType)
}

/** Of what is behind a proxy only text can be read for secrets, and JSON. */
const PROXIED_TEXT =
  /^(?:text\/[a-z0-9.+-]+|application\/(?:[a-z0-9.+-]+\+)?(?:xml|yaml|x-yaml|javascript|x-ndjson|openmetrics-text))$/
const JSON_TYPE = /^application\/(?:[a-z0-9.+-]+\+)?json$/

function readingOf(endpoint: Endpoint, status: number, mediaType: string): AnswerReading {
  // Schemas and lists of resources hold no objects; their texts are examples and descriptions.
  const isAboutApi = endpoint === 'openapi' || endpoint === 'discovery' || endpoint === 'keys'
  if (isAboutApi && status < 400) return 'nothing'
  return JSON_TYPE.test(mediaType) ? 'json' : 'text'
}

function isExpected(endpoint: Endpoint, status: number, mediaType: string): boolean {
  if (endpoint === 'proxied') return JSON_TYPE.test(mediaType) || PROXIED_TEXT.test(mediaType)
  // Errors may come as a Status, or as Go's bare text from in front of the API handlers.
  if (mediaType === 'application/json' || (status >= 400 && mediaType === 'text/plain')) return true
  switch (endpoint) {
    case 'log':
      return mediaType === 'text/plain'
    case 'openapi':
      // The list of /openapi/v3 is JSON that kube-apiserver (1.36) sends without a type, which Go then guesses.
      return OPENAPI.test(mediaType) || mediaType === 'text/plain'
    case 'keys':
      return mediaType === 'application/jwk-set+json'
    case 'text':
      return mediaType === 'text/plain' || mediaType === 'application/openmetrics-text'
    default:
      return false
  }
}

function mediaTypeOf(contentType: string): string {
  const end = contentType.indexOf(';')
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase()
}

function printable(text: string): string {
  return text.slice(0, 80).replace(/[^\x20-\x7e]/g, '?')
}

function refused(check: string, detail: string): Refusal {
  return new Refusal('upstream-answer-refused', { check, detail })
}
