import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Asked {
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Record<string, unknown>
}

/** Answers as told, and keeps what it was asked. */
export async function standIn(answer: (asked: Asked, response: ServerResponse) => void) {
  const asked: Asked[] = []
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', () => {
      const one = {
        path: request.url!,
        headers: request.headers,
        body: JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>,
      }
      asked.push(one)
      answer(one, response)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    asked,
    async stop() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

const masterKey = randomBytes(32)
export function seal(plain: Buffer, context: string): Buffer {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', masterKey, nonce)
  cipher.setAAD(Buffer.from(context))
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}
export function open(sealed: Buffer, context: string): Buffer | null {
  try {
    const decipher = createDecipheriv('aes-256-gcm', masterKey, sealed.subarray(0, 12), { authTagLength: 16 })
    decipher.setAAD(Buffer.from(context))
    decipher.setAuthTag(sealed.subarray(-16))
    return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()])
  } catch {
    return null
  }
}

export function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

/** The transit engine of Vault, of which the key `sallyport` is known, in its documented shape. */
export function answerAsVault(token: string, mount: string, asked: Asked, response: ServerResponse): void {
  if (asked.headers['x-vault-token'] !== token) {
    reply(response, 403, { errors: ['permission denied'] })
    return
  }
  const bound = String(asked.body.associated_data)
  if (asked.path === `${mount}/encrypt/sallyport`) {
    const sealed = seal(Buffer.from(String(asked.body.plaintext), 'base64'), bound)
    reply(response, 200, { data: { ciphertext: `vault:v1:${sealed.toString('base64')}`, key_version: 1 } })
  } else if (asked.path === `${mount}/decrypt/sallyport`) {
    const sealed = Buffer.from(String(asked.body.ciphertext).replace('vault:v1:', ''), 'base64')
    const plain = open(sealed, bound)
    if (plain === null) reply(response, 400, { errors: ['cipher: message authentication failed'] })
    else reply(response, 200, { data: { plaintext: plain.toString('base64') } })
  } else reply(response, 404, { errors: [] })
}
