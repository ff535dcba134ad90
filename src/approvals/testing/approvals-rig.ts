import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NewEntry } from '../../audit/entry.ts'
import { Refusal } from '../../errors/refusal.ts'
import type { Principal } from '../../identity/principal.ts'
import type { Requirement } from '../../policy/requirement.ts'
import { openChangeFeed } from '../../store/change-feed.ts'
import { openSqliteStore } from '../../store/open-sqlite-store.ts'
import type { StateStore } from '../../store/store.ts'
import type { Approval, Wish } from '../contract.ts'
import { type ApprovalParts, type Approvals, openApprovals } from '../open-approvals.ts'

export const MINUTE = 60_000

/** Gateways on one store, with a clock that stands until it is moved; nothing runs by itself. */
export interface ApprovalsRig {
  clock: number
  readonly entries: NewEntry[]
  readonly store: StateStore
  gateway(more?: Partial<ApprovalParts>): Promise<Approvals>
  close(): Promise<void>
}

export async function openApprovalsRig(): Promise<ApprovalsRig> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-approvals-'))
  const store = await openSqliteStore(join(directory, 'state.sqlite'))
  const closers: (() => Promise<void>)[] = []
  let made = 0
  const rig: ApprovalsRig = {
    clock: Date.UTC(2026, 0, 2),
    entries: [],
    store,
    async gateway(more = {}) {
      const feed = await openChangeFeed(store, { now: () => rig.clock, every: 20 })
      const approvals = await openApprovals({
        ...{ store, feed },
        log: {
          async append(entry) {
            rig.entries.push(entry)
            return { index: rig.entries.length, time: rig.clock }
          },
        },
        now: () => rig.clock,
        newId: () => `id-${++made}`,
        policyDigest: () => 'sha256:0',
        onError: error => assert.fail(String(error)),
        sweepEvery: 0,
        ...more,
      })
      closers.push(async () => {
        await approvals.close()
        feed.close()
      })
      return approvals
    },
    async close() {
      for (const one of closers) await one()
      await store.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
  return rig
}

export function person(
  name: string,
  groups: readonly string[] = [],
  kind: Principal['kind'] = 'person',
): Principal {
  return {
    issuer: 'https://issuer.example.com',
    subject: name,
    username: `corp:${name}`,
    ...{ kind, groups },
    authentication: { method: 'oidc', provider: 'corp', validUntil: 0, credentialDigest: '' },
  }
}

let asked = 0
export function wish({
  requirement,
  ...more
}: Partial<Omit<Wish, 'requirement'>> & { requirement?: Partial<Requirement> } = {}): Wish {
  const intent = more.intent ?? `intent-${++asked}`
  return {
    call: `call-${++asked}`,
    principal: person(`alice-${asked}`),
    session: 's-1',
    connection: 'prod',
    rules: ['guard/one'],
    target: `target-of-${intent}`,
    sentence: 'alice · delete namespace shop · prod',
    action: {},
    policyDigest: 'sha256:0',
    isWithin: () => false,
    ...more,
    requirement: {
      quorums: [{ groups: ['corp:oncall'], count: 1, rule: 0 }],
      deadline: 60 * MINUTE,
      grantFor: null,
      reason: false,
      ...requirement,
    },
    intent,
  }
}

export const yes = { verdict: 'approve', reason: null, via: 'cli' } as const

export const refusedWith = (code: string, check?: string) => (error: unknown) =>
  error instanceof Refusal && error.code === code && (check === undefined || error.check === check)

/** Kinds of what is in the log about an approval. */
export function kindsOf({ entries }: ApprovalsRig, { id }: Pick<Approval, 'id'>): string[] {
  return entries.filter(one => one.call === id).map(one => one.kind)
}
