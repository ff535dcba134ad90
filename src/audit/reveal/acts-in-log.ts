import { Refusal } from '../../errors/refusal.ts'
import { type Principal, principalKey } from '../../identity/principal.ts'
import type { Head } from '../entry.ts'
import type { Leaf } from '../heads/leaf.ts'
import type { OpenAuditLog } from '../log/contract.ts'
import { readLeaves } from '../log/read.ts'
import { maybeSame } from '../person.ts'
import { segmentCursor } from '../segments/cursor.ts'
import type { RevealRecord } from './reveals.ts'

/**
 * What the store says is read again in the log before anything is opened: a store that somebody wrote to cannot make
 * up a request or an approval, nor change its scope. Throws a Refusal.
 */
export async function refuseUnlogged(
  log: OpenAuditLog,
  record: RevealRecord,
  by: Principal,
  now: number,
): Promise<void> {
  await log.publish()
  await log.flush()
  const request = await actAt(log, record.requestEntry, record.id, 'reveal.request')
  const approval = await actAt(log, record.approvalEntry, record.id, 'reveal.approve')
  const requester = request?.principal
  const approver = approval?.principal
  if (requester === undefined || approver === undefined)
    throw unlogged('its request or approval is not in the log')
  if (principalKey(requester) !== principalKey(by)) throw unlogged('another person asked for it')
  if (JSON.stringify(request?.facts?.scope) !== JSON.stringify(record.scope))
    throw unlogged('another scope was asked for')
  if (maybeSame(requester, approver)) throw unlogged('it was approved by who asked for it')
  if (record.of.some(one => maybeSame(one, approver)))
    throw unlogged('it was approved by whose values they are')
  if (!(Date.parse(String(approval?.facts?.until)) > now)) throw unlogged('its approval has ended')
}

async function actAt(
  log: OpenAuditLog,
  entry: number | undefined,
  id: string,
  kind: string,
): Promise<Head | null> {
  const { size } = log.checkpoint
  if (entry === undefined || !Number.isInteger(entry) || entry < 0 || entry >= size) return null
  const [bytes] = await readLeaves(log.files, log.dataDir, entry, size)
  const leaf = JSON.parse(bytes?.toString('latin1') ?? '{}') as Partial<Leaf>
  if (leaf.call !== id || leaf.kind !== kind) return null
  const cursor = segmentCursor(log.files, log.dataDir, log.origin, one => log.epochs.find(one), 'heads')
  try {
    const head = (await cursor.read(entry)).opened?.head
    return head == null ? null : (JSON.parse(head.toString()) as Head)
  } finally {
    await cursor.close()
  }
}

function unlogged(detail: string): Refusal {
  return new Refusal('reveal-closed', { check: 'not-in-log', detail })
}
