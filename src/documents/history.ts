import type { Change, StateStore } from '../store/store.ts'
import type { DocumentChange } from './documents.ts'

/** One state of a policy that was in the store. */
export interface PolicyVersion {
  /** Counts from 1 in the life of the name, deletions included. */
  readonly number: number
  /** Milliseconds since the epoch. */
  readonly at: number
  /** User name; empty for what was there before versions were kept. */
  readonly by: string
  readonly change: 'create' | 'update' | 'delete'
  /** YAML; null: it was deleted. */
  readonly text: string | null
}

const VERSION_KIND = 'policy-version'
const NEWEST_KIND = 'policy-newest-version'
/** Versions of one policy that are kept. */
const KEPT = 100

function keyOf(name: string, number: number): string {
  return `${name}/${String(number).padStart(8, '0')}`
}

/** What has to be written beside the changes themselves, in the same commit: it is there exactly when they took effect. */
export async function versionsOf(
  store: StateStore,
  changes: readonly DocumentChange[],
  by: string,
  at: number,
): Promise<Change[]> {
  const writes: Change[] = []
  for (const { kind, name, change, before, after } of changes) {
    if (kind !== 'Policy' || change === 'unchanged') continue
    const newest = await store.get<{ number: number }>(NEWEST_KIND, name)
    let number = newest?.value.number ?? 0
    const add = (version: Omit<PolicyVersion, 'number'>): void => {
      number += 1
      const value: PolicyVersion = { number, ...version }
      writes.push({ op: 'create', kind: VERSION_KIND, key: keyOf(name, number), value })
    }
    if (number === 0 && before !== null) add({ at, by: '', change: 'create', text: before })
    add({ at, by, change, text: after })
    writes.push(
      newest === undefined
        ? { op: 'create', kind: NEWEST_KIND, key: name, value: { number } }
        : { op: 'update', kind: NEWEST_KIND, key: name, value: { number }, version: newest.version },
    )
    const old = await store.get(VERSION_KIND, keyOf(name, number - KEPT))
    if (old !== undefined)
      writes.push({ op: 'delete', kind: VERSION_KIND, key: old.key, version: old.version })
  }
  return writes
}

/** Newest first. */
export async function policyHistory(store: StateStore, name: string): Promise<PolicyVersion[]> {
  const versions: PolicyVersion[] = []
  const newest = (await store.get<{ number: number }>(NEWEST_KIND, name))?.value.number ?? 0
  for (let number = newest; number > Math.max(0, newest - KEPT - 1); number--) {
    const version = await policyVersion(store, name, number)
    if (version !== undefined) versions.push(version)
  }
  return versions
}

export async function policyVersion(
  store: StateStore,
  name: string,
  number: number,
): Promise<PolicyVersion | undefined> {
  return (await store.get<PolicyVersion>(VERSION_KIND, keyOf(name, number)))?.value
}
