import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AuditLog, CapturedBody, DeltaField, NewEntry } from '../entry.ts'

/** Entries as the gateway makes them, small. */
export function callId(number: number): string {
  return `01900000-0000-7000-8000-${number.toString(16).padStart(12, '0')}`
}

interface Extra {
  readonly session?: string | null
  readonly user?: string
  readonly namespace?: string
  readonly name?: string
  readonly verb?: string
  readonly effect?: NewEntry['effect']
  readonly code?: number
  readonly request?: CapturedBody
  readonly response?: CapturedBody
}

export function intent(number: number, extra: Extra = {}): NewEntry {
  const user = extra.user ?? 'alice'
  return {
    ...common(number, extra, 'intent'),
    head: {
      principal: {
        issuer: 'https://idp.example',
        subject: `sub-${user}`,
        username: `corp:${user}`,
        groups: ['corp:ops'],
        kind: 'person',
        method: 'oidc',
      },
      client: { address: '127.0.0.1', port: 4000, userAgent: 'kubectl/v1.36.3' },
      connection: 'prod',
      request: { method: 'GET', uri: `/api/v1/namespaces/shop/pods/${extra.name ?? 'web'}` },
      action: {
        verb: extra.verb ?? 'get',
        resource: 'pods',
        apiVersion: 'v1',
        namespace: extra.namespace ?? 'shop',
        name: extra.name ?? 'web',
      },
      decision: { effect: extra.effect ?? 'allow', rules: ['base/read'], reason: 'allowed by base/read' },
    },
    ...(extra.request === undefined ? {} : { request: extra.request }),
  }
}

export function outcome(number: number, extra: Extra = {}): NewEntry {
  return {
    ...common(number, extra, 'outcome'),
    head: {
      result: { code: extra.code ?? 200, bytesIn: 0, bytesOut: 10, milliseconds: 3, ended: 'complete' },
      agent: 'embedded',
    },
    ...(extra.response === undefined ? {} : { response: extra.response }),
  }
}

export function frame(number: number, response: CapturedBody, extra: Extra = {}): NewEntry {
  return { ...common(number, extra, 'frame'), effect: null, policyDigest: null, head: {}, response }
}

export function body(text: string, keyClass: CapturedBody['keyClass'] = 'shown'): CapturedBody {
  return { chunks: [Buffer.from(text)], mediaType: 'application/json', keyClass }
}

/** `text` with each of `secrets` in it masked, as the gateway records it. */
export function maskedBody(
  text: string,
  secrets: readonly string[],
  extra: { readonly rule?: string; readonly keep?: DeltaField['keep']; readonly fingerprint?: string } = {},
): CapturedBody {
  const fields: DeltaField[] = []
  let masked = ''
  let from = 0
  for (const [number, secret] of secrets.entries()) {
    const found = text.indexOf(secret, from)
    if (found < 0) throw new Error(`the text does not hold ${secret}`)
    masked += text.slice(from, found)
    const placeholder = `sallyport.masked.${extra.rule ?? 'test'}.${number}`
    fields.push({
      at: Buffer.byteLength(masked),
      length: placeholder.length,
      pointer: `/data/${number}`,
      rule: extra.rule ?? 'test',
      keep: extra.keep ?? 'raw',
      original: Buffer.from(secret),
      ...(extra.fingerprint === undefined ? {} : { fingerprint: extra.fingerprint }),
    })
    masked += placeholder
    from = found + secret.length
  }
  return { ...body(masked + text.slice(from)), delta: { fields } }
}

function common(number: number, extra: Extra, phase: NewEntry['phase']): Omit<NewEntry, 'head'> {
  return {
    call: callId(number),
    kind: 'k8s.request',
    phase,
    session: extra.session === undefined ? 's-one' : extra.session,
    effect: extra.effect ?? 'allow',
    policyDigest: `sha256:${'ab'.repeat(32)}`,
  }
}

/** Intent and outcome, both durable. */
export async function recordCall(log: AuditLog, number: number, extra: Extra = {}): Promise<void> {
  await Promise.all([log.append(intent(number, extra)), log.append(outcome(number, extra))])
}

/** A directory that is gone after the test. */
export function scratch(t: { after(clean: () => void): unknown }): string {
  const path = mkdtempSync(join(tmpdir(), 'sallyport-audit-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}
