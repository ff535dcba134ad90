import type { JSONWebKeySet } from 'jose'
import { type Dispatcher, request } from 'undici'
import { isTrustworthyUrl } from './provider-config.ts'

const TIME = 5_000
const LARGEST = 512 * 1024

/**
 * OpenID Connect Discovery 1.0, then the key set it names. The document must be about exactly this issuer, and
 * neither request follows a redirect. Rejects with an Error in words for the operator.
 */
export async function discoverKeys(issuer: string, dispatcher: Dispatcher): Promise<JSONWebKeySet> {
  const document = await fetchJson(
    `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
    dispatcher,
  )
  if (document.issuer !== issuer) throw new Error('its discovery document is about another issuer')
  const uri = document.jwks_uri
  const plainAllowed = issuer.startsWith('http:')
  if (typeof uri !== 'string' || !isTrustworthyUrl(uri.split('?')[0] ?? '')) {
    throw new Error('its discovery document names no https key set')
  }
  if (!plainAllowed && !uri.startsWith('https:')) {
    throw new Error('its discovery document names no https key set')
  }
  return (await fetchJson(uri, dispatcher)) as unknown as JSONWebKeySet
}

async function fetchJson(url: string, dispatcher: Dispatcher): Promise<Record<string, unknown>> {
  const where = new URL(url).host
  const { statusCode, body } = await request(url, {
    dispatcher,
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(TIME),
  })
  if (statusCode !== 200) {
    await body.dump()
    throw new Error(`${where} answered ${statusCode}`)
  }
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length
    // Leaving the loop destroys the body.
    if (size > LARGEST) throw new Error(`${where} answered with more than ${LARGEST} bytes`)
    chunks.push(chunk)
  }
  const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new Error(`${where} did not answer with a JSON object`)
  }
  return value as Record<string, unknown>
}
