import type { Approval } from '../approvals/contract.ts'
import { sentence } from '../audit/sentence.ts'
import { principalKey } from '../identity/principal.ts'
import type { ApiServices } from './services.ts'

/**
 * What the requester did in the last hour, newest first, ten at most: part of what those see who decide, whether or not
 * they may search the trail. Times in milliseconds.
 */
export async function recentCalls(
  { audit, now }: Pick<ApiServices, 'audit' | 'now'>,
  { requester }: Approval,
): Promise<{ readonly time: number; readonly sentence: string }[]> {
  const query = { limit: 10, principal: principalKey(requester), since: now() - 3_600_000 }
  const { items } = await audit.search({ ...query, kind: 'k8s.request' })
  return items.map(row => ({ time: row.time, sentence: sentence(row) }))
}
