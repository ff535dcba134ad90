import type { EntryKind, NewEntry } from '../entry.ts'
import { identifiers } from '../heads/identifier.ts'
import type { RecoveryReport } from './contract.ts'
import type { QuotaStatus } from './quota.ts'
import type { OpenCall } from './wal.ts'

const nextId = identifiers()

/** The log's own entries: what happened to the log itself, told in the log. */
export function startEntry(now: number, recovery: RecoveryReport): NewEntry {
  return state(now, recovery.clean ? 'log.start' : 'log.recovered', { ...recovery, pid: process.pid })
}

export function stopEntry(now: number): NewEntry {
  return state(now, 'log.stop', { pid: process.pid })
}

export function quotaEntry(now: number, status: QuotaStatus): NewEntry {
  const { state: quota, ...numbers } = status
  return state(now, 'log.quota', { state: quota, ...numbers })
}

/** The outcome of a call that nobody can finish any more: what the caller got of it is at most a truncated answer. */
export function cutOutcome(call: OpenCall): NewEntry {
  return {
    call: call.call,
    kind: call.kind as EntryKind,
    phase: 'outcome',
    session: call.session,
    effect: null,
    policyDigest: null,
    head: {
      result: { code: 0, bytesIn: 0, bytesOut: 0, milliseconds: 0, ended: 'cut' },
      facts: { closedByLog: true },
    },
  }
}

function state(now: number, kind: EntryKind, facts: Readonly<Record<string, unknown>>): NewEntry {
  return {
    call: nextId(now),
    kind,
    phase: 'state',
    session: null,
    effect: null,
    policyDigest: null,
    head: { facts },
  }
}
