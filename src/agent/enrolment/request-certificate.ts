import { request } from 'node:https'
import { newKey } from '../../pki/key-file.ts'
import { createSigningRequest } from '../../pki/signing-request.ts'
import { parseToken } from '../../tunnel/enrolment/token.ts'
import { type AgentFiles, writeAgentFiles } from './identity-files.ts'
import { fetchPinnedAuthority } from './pinned-authority.ts'

export interface GatewayAddress {
  readonly host: string
  readonly port: number
}

/** Enrols: pins the authority, makes a key that never leaves `directory`, and trades the token for a certificate. */
export async function enrol(gateway: GatewayAddress, token: string, directory: string): Promise<AgentFiles> {
  const parsed = parseToken(token)
  if (parsed === undefined)
    throw new Error('this is no enrolment token; make one with: sallyport agent token')
  const certificateAuthority = await fetchPinnedAuthority(gateway.host, gateway.port, parsed.fingerprint)
  const key = newKey()
  const certificate = await post(gateway, '/v1/agents/enrol', createSigningRequest(key), {
    certificateAuthority,
    authorization: `Bearer ${token.trim()}`,
  })
  return writeAgentFiles(directory, key, certificate, certificateAuthority)
}

/** Trades the present certificate, shown in the TLS handshake, for the next one, with a new key. */
export async function renew(
  gateway: GatewayAddress,
  present: AgentFiles,
  directory: string,
): Promise<AgentFiles> {
  const key = newKey()
  const certificate = await post(gateway, '/v1/agents/renew', createSigningRequest(key), present)
  return writeAgentFiles(directory, key, certificate, present.certificateAuthority)
}

interface PostOptions {
  readonly certificateAuthority: string
  readonly authorization?: string
  readonly certificate?: string
  readonly key?: string
}

const LONGEST_ANSWER = 64 * 1024

function post(
  gateway: GatewayAddress,
  path: string,
  signingRequest: string,
  options: PostOptions,
): Promise<string> {
  const body = JSON.stringify({ certificateRequest: signingRequest })
  return new Promise((resolve, reject) => {
    const outgoing = request({
      host: gateway.host,
      port: gateway.port,
      method: 'POST',
      path,
      agent: false,
      ca: options.certificateAuthority,
      ...(options.key === undefined ? {} : { cert: options.certificate, key: options.key }),
      timeout: 15_000,
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        ...(options.authorization === undefined ? {} : { authorization: options.authorization }),
      },
    })
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer in time')))
    outgoing.once('error', (error: NodeJS.ErrnoException) => {
      reject(new Error(`the gateway at ${gateway.host}:${gateway.port}: ${error.code ?? error.message}`))
    })
    outgoing.once('response', incoming => {
      let text = ''
      incoming.setEncoding('utf8')
      incoming.on('data', (chunk: string) => {
        text += chunk
        if (text.length > LONGEST_ANSWER) incoming.destroy()
      })
      incoming.once('close', () => {
        const fields = fieldsOf(text)
        if (incoming.statusCode === 200 && typeof fields.certificate === 'string') resolve(fields.certificate)
        else
          reject(
            new Error(`the gateway answered ${incoming.statusCode}: ${shown(fields.detail ?? fields.title)}`),
          )
      })
    })
    outgoing.end(body)
  })
}

function fieldsOf(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 300).replace(/[^\x20-\x7e]/g, '?') : 'no reason given'
}
