import type { Approval } from './contract.ts'
import type { ApprovalRecords } from './records.ts'

/** Resolves when it is pending no more, or as it is after `patience` milliseconds or when the signal says so. */
export function wait(
  records: ApprovalRecords,
  id: string,
  patience: number,
  signal: AbortSignal,
): Promise<Approval> {
  return waitUntil(records, id, isSettled, patience, signal)
}

function isSettled({ state }: Approval): boolean {
  return state !== 'pending'
}

/** The same until `isSo`, which is asked at once and after each change of the approval and of what it has opened. */
export function waitUntil(
  records: ApprovalRecords,
  id: string,
  isSo: (approval: Approval) => boolean,
  patience: number,
  signal: AbortSignal,
): Promise<Approval> {
  const first = records.approvals.get(id)
  if (first === undefined) return waitForUnknown(records, id, isSo, patience, signal)
  if (isSo(first.value) || signal.aborted) return Promise.resolve(first.value)
  return new Promise(resolve => {
    const end = (value: Approval): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', asItIs)
      stop()
      resolve(value)
    }
    const look = (value: Approval): void => {
      if (isSo(value)) end(value)
    }
    const asItIs = (): void => end(records.approvals.get(id)?.value ?? first.value)
    // The sweeper ends it at its deadline; this is for when the store cannot be written.
    const left = first.value.state === 'pending' ? first.value.deadline - records.now() : patience
    const limit = Math.min(patience, Math.max(0, left) + 5_000)
    const timer = setTimeout(asItIs, Math.min(limit, 2 ** 31 - 1))
    const stop = records.onChange(id, look)
    signal.addEventListener('abort', asItIs, { once: true })
  })
}

/** Another gateway has made it a moment ago: from now on it is known here. */
async function waitForUnknown(
  records: ApprovalRecords,
  id: string,
  isSo: (approval: Approval) => boolean,
  patience: number,
  signal: AbortSignal,
): Promise<Approval> {
  const found = await records.newest(id)
  const isKnown = found !== undefined && records.approvals.get(id) !== undefined
  return isKnown ? waitUntil(records, id, isSo, patience, signal) : (await records.approval(id)).value
}
