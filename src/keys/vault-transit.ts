import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, type Dispatcher, request } from 'undici'
import { refuseReadableByOthers } from './file-key.ts'
import type { KeyEncryption } from './key-encryption.ts'
import type { VaultTransitChoice } from './key-encryption-choice.ts'
import { serverUrl } from './parse-key-encryption.ts'

/** Milliseconds; all attempts and the waits between them stay below the ten seconds that a key may take. */
const CONNECT = 1_500
const ANSWER = 2_000
const WAITS = [200, 600]
const LARGEST_ANSWER = 64 * 1024

/**
 * A key of the transit engine of Vault or OpenBao (`POST transit/encrypt/:name` and `decrypt/:name`,
 * https://developer.hashicorp.com/vault/api-docs/secret/transit). The context goes as `associated_data`, which keys of the
 * AES-GCM and ChaCha20-Poly1305 types bind to what they wrap, and as `context` for keys with derivation.
 */
export async function vaultTransitEncryption(choice: VaultTransitChoice): Promise<KeyEncryption> {
  const { origin } = serverUrl('the address of Vault', choice.address)
  const mount = choice.mount ?? 'transit'
  const ca = choice.caFile === undefined ? undefined : await readFile(choice.caFile, 'utf8')
  const dispatcher = new Agent({
    connections: 4,
    connect: { timeout: CONNECT, ...(ca === undefined ? {} : { ca }) },
    headersTimeout: ANSWER,
    bodyTimeout: ANSWER,
  })
  const name = `${origin}/${mount}/${choice.key}`

  async function call(operation: 'encrypt' | 'decrypt', body: object): Promise<Record<string, unknown>> {
    const url = `${origin}/v1/${mount}/${operation}/${choice.key}`
    for (let attempt = 0; ; attempt += 1) {
      const answer = await once(url, body)
      if ('data' in answer) return answer.data
      const wait = WAITS[attempt]
      if (!answer.again || wait === undefined) {
        throw new Error(`Vault did not ${operation} with the key ${name}: ${answer.problem}`)
      }
      await sleep(wait)
    }
  }

  async function once(url: string, body: object): Promise<Answer> {
    const token = await readToken(choice.tokenFile)
    try {
      const { statusCode, body: answer } = await request(url, {
        method: 'POST',
        dispatcher,
        headers: {
          'content-type': 'application/json',
          'x-vault-token': token,
          'x-vault-request': 'true',
          ...(choice.namespace === undefined ? {} : { 'x-vault-namespace': choice.namespace }),
        },
        body: JSON.stringify(body),
      })
      return answerOf(statusCode, await readWhole(answer))
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      return { problem: code ?? message, again: true }
    }
  }

  return {
    id: `vault:${name}`,
    async wrap(key, context) {
      const plaintext = Buffer.from(key).toString('base64')
      const { ciphertext } = await call('encrypt', { plaintext, ...bound(context) })
      if (typeof ciphertext !== 'string' || !ciphertext.startsWith('vault:v')) {
        throw new Error(`the answer of ${name} holds no ciphertext`)
      }
      return Buffer.from(ciphertext)
    },
    async unwrap(wrapped, context) {
      const ciphertext = Buffer.from(wrapped).toString('latin1')
      if (!/^vault:v\d+:[A-Za-z0-9+/=]+$/.test(ciphertext)) {
        throw new Error(`the wrapped key was not made by Vault, so ${name} cannot unwrap it`)
      }
      const { plaintext } = await call('decrypt', { ciphertext, ...bound(context) })
      if (typeof plaintext !== 'string') throw new Error(`the answer of ${name} holds no plaintext`)
      return Buffer.from(plaintext, 'base64')
    },
  }
}

type Answer =
  | { readonly data: Record<string, unknown> }
  | { readonly problem: string; readonly again: boolean }

/** `name=value` lines in the order of the names. */
function bound(context: Readonly<Record<string, string>>): { context: string; associated_data: string } {
  const lines = Object.keys(context)
    .sort()
    .map(name => `${name}=${context[name]}\n`)
  const bytes = Buffer.from(lines.join('')).toString('base64')
  return { context: bytes, associated_data: bytes }
}

async function readToken(file: string): Promise<string> {
  await refuseReadableByOthers(file)
  const token = await readFile(file, 'latin1').catch((cause: NodeJS.ErrnoException) => {
    throw new Error(`the token file ${file} cannot be read: ${cause.code}`)
  })
  if (!/^[\x21-\x7e]{1,4096}\s*$/.test(token))
    throw new Error(`the token file ${file} does not hold one token`)
  return token.trim()
}

function answerOf(status: number, text: string): Answer {
  const parsed = parseObject(text)
  if (status === 200 && isObject(parsed.data)) return { data: parsed.data }
  // Sealed, in standby, starting, or asked too much.
  const again = status === 429 || status === 412 || status >= 500
  const errors = Array.isArray(parsed.errors) ? parsed.errors.filter(one => typeof one === 'string') : []
  return { problem: [`status ${status}`, ...errors].join(', ').slice(0, 500), again }
}

async function readWhole(body: Dispatcher.ResponseData['body']): Promise<string> {
  let text = ''
  for await (const chunk of body.setEncoding('utf8')) {
    text += chunk
    if (text.length > LARGEST_ANSWER) throw new Error('the answer is too long')
  }
  return text
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
