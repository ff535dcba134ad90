import type { Principal } from '../../identity/principal.ts'
import { openAuditIndex } from '../index/open-index.ts'
import type { OpenAuditLog } from '../log/contract.ts'
import { openAuditLog } from '../open.ts'
import type { AuditIndex } from '../search/contract.ts'
import { scratch } from './calls.ts'

/** A person who is signed in. */
export function person(name: string, extra: Partial<Principal> = {}): Principal {
  return {
    issuer: 'https://idp.example',
    subject: `sub-${name}`,
    kind: 'person',
    username: `corp:${name}`,
    groups: ['corp:ops'],
    authentication: {
      method: 'oidc',
      provider: 'corp',
      validUntil: Number.MAX_SAFE_INTEGER,
      credentialDigest: 'x',
    },
    ...extra,
  }
}

/** A log on disk whose appends of some kinds fail, with its index. */
export async function actingLog(
  t: { after(clean: () => unknown): unknown },
  origin: string,
  now: () => number,
): Promise<{ log: OpenAuditLog; index: AuditIndex; failing: Set<string>; close(): Promise<void> }> {
  let remove = () => {}
  const dataDir = scratch({ after: clean => (remove = clean) })
  const opened = await openAuditLog({ dataDir, origin, clock: now, checkpointInterval: 20 })
  const index = openAuditIndex(opened)
  const failing = new Set<string>()
  const log: OpenAuditLog = Object.create(opened, {
    append: {
      value: (entry: Parameters<OpenAuditLog['append']>[0]) =>
        failing.has(entry.kind) ? Promise.reject(new Error('the disk is gone')) : opened.append(entry),
    },
  })
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= index.close().then(() => opened.close())
    return closed
  }
  t.after(async () => {
    await close()
    remove()
  })
  return { log, index, failing, close }
}
