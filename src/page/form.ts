import { createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { z } from 'zod'
import { InvalidInput } from '../api/invalid.ts'
import { Refusal } from '../errors/refusal.ts'
import { isSameText } from '../identity/oidc/browser-flow.ts'

const LARGEST = 16 * 1024
const LONGEST_WAIT = 15_000

/** What a form of ours carries beside the cookie. Another site can make a browser send the cookie, but cannot read this. */
export function formTokenOf(session: string): string {
  return createHmac('sha256', session).update('form of the approval page').digest('base64url')
}

/**
 * Whether the browser says that a page of ours sent this. Browsers send `Origin` with every POST (Fetch, 3.2); one that
 * hides it must say `Sec-Fetch-Site: same-origin` at least.
 */
export function refuseForeignOrigin(headers: IncomingHttpHeaders, host: string): void {
  const site = headers['sec-fetch-site']
  const { origin } = headers
  const same = origin === undefined ? site === 'same-origin' : origin === `https://${host}`
  if (same && (site === undefined || site === 'same-origin')) return
  throw new Refusal('form-refused', { check: 'origin', detail: 'another page sent this form' })
}

export function refuseForeignForm(form: URLSearchParams, session: string): void {
  const given = form.getAll('form')
  if (given.length === 1 && isSameText(given[0]!, formTokenOf(session))) return
  throw new Refusal('form-refused', {
    check: 'form-token',
    detail: 'it belongs to another sign-in, or is too old',
  })
}

type Request = Readable & { readonly headers: IncomingHttpHeaders }

/** The fields of a form. Throws Refusals 400, 408, 413, 415. */
export async function readForm(request: Request): Promise<URLSearchParams> {
  const type = (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded') {
    throw new Refusal('media-type-unsupported', { check: 'content-type', detail: 'send a form' })
  }
  return new URLSearchParams((await readBody(request)).toString())
}

/** A short body, in a short time. Throws Refusals 400, 408, 413. */
export async function readBody(request: Readable): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  let late = false
  const timer = setTimeout(() => {
    late = true
    request.destroy()
  }, LONGEST_WAIT)
  try {
    // What is too large is refused in words: the connection stays for them.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      bytes += chunk.length
      if (bytes > LARGEST) throw new Refusal('request-too-large', { check: 'body-size' })
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal(late ? 'request-timeout' : 'input-invalid', { check: 'body', cause: error })
  } finally {
    clearTimeout(timer)
  }
}

/** One text field, at most `most` characters; empty when it is not there. */
export function fieldOf(form: URLSearchParams, name: string, most: number): string {
  const values = form.getAll(name)
  const [value = ''] = values
  if (values.length > 1 || value.length > most) {
    throw new Refusal('input-invalid', {
      check: name,
      detail: `${name} must be one text of at most ${most} characters`,
    })
  }
  return value.trim()
}

/** Fields of a form, judged by the schema of the API's route that does the same. Throws Refusal 400. */
export function inputOf<S extends z.ZodType>(schema: S, fields: unknown): z.output<S> {
  const read = schema.safeParse(fields)
  if (read.success) return read.data
  const places = read.error.issues.map(({ path, message }) => ({ at: path.map(String).join('.'), message }))
  throw new InvalidInput('input-invalid', 'form', places)
}
