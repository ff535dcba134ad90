import { Refusal } from '../errors/refusal.ts'

/** Any error on its way to a caller, as one of the catalogue. What is not known by code is `internal`. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  switch ((error as { code?: unknown } | null)?.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Refusal('request-too-large', { check: 'body-size' })
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new Refusal('media-type-unsupported', { check: 'content-type', detail: 'send application/json' })
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new Refusal('input-invalid', { check: 'body', detail: 'the body is not JSON' })
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_ASYNC_CONSTRAINT':
      return new Refusal('input-invalid', { check: 'url', detail: 'the URL is not valid' })
    default:
      return error instanceof SyntaxError && 'statusCode' in error
        ? new Refusal('input-invalid', { check: 'body', detail: 'the body is not JSON' })
        : new Refusal('internal', { cause: error })
  }
}
