import type { Approval } from './contract.ts'
import type { ApprovalRecords } from './records.ts'

/** Resolves when it is pending no more, or as it is after `patience` milliseconds or when the signal says so. */
export function wait(
  records: ApprovalRecords,
  id: string,
  patience: number,
  signal: AbortSignal,
): Promise<Approval> {
  const first = records.approvals.get(id)
  if (first === undefined) return records.approval(id).then(one => one.value)
  if (first.value.state !== 'pending' || signal.aborted) return Promise.resolve(first.value)
  return new Promise(resolve => {
    const end = (value: Approval): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', asItIs)
      stop()
      resolve(value)
    }
    const asItIs = (): void => end(records.approvals.get(id)?.value ?? first.value)
    // The sweeper ends it at its deadline; this is for when the store cannot be written.
    const limit = Math.min(patience, Math.max(0, first.value.deadline - records.now()) + 5_000)
    const timer = setTimeout(asItIs, Math.min(limit, 2 ** 31 - 1))
    const stop = records.onSettled(id, end)
    signal.addEventListener('abort', asItIs, { once: true })
  })
}
