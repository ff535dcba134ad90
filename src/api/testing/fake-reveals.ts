import { createHash } from 'node:crypto'
import type {
  HoldRecord,
  HoldServices,
  RevealRecord,
  RevealServices,
  ShredRecord,
  ShredServices,
} from '../services.ts'
import { alice, bob } from './fixtures.ts'

const at = Date.UTC(2026, 0, 2)

/** Answers of the right shape, with no rule behind them: the rules are tested where they are. */
export function fakeTwoPersons(): {
  readonly reveals: RevealServices
  readonly shreds: ShredServices
  readonly holds: HoldServices
} {
  const person = (one: typeof alice) => ({
    issuer: one.issuer,
    subject: one.subject,
    username: one.username,
  })
  const requested: RevealRecord = {
    id: 'reveal-1',
    state: 'requested',
    scope: { call: 'call-1' },
    reason: 'which password was in the answer',
    ticket: 'INC-1',
    requester: person(alice),
    of: [person(bob)],
    requestedAt: at,
    until: at + 86_400_000,
    log: 'test/log',
  }
  const approved: RevealRecord = { ...requested, state: 'approved', approver: person(bob), approvedAt: at }
  const shred: ShredRecord = {
    id: 'shred-1',
    state: 'requested',
    epoch: 'sealed-2026-01-01',
    reason: 'the retention time is over',
    requester: person(alice),
    requestedAt: at,
  }
  const hold: HoldRecord = {
    id: 'hold-1',
    scope: { day: '2026-01-01' },
    reason: 'a case of the court',
    by: person(alice),
    at,
  }
  const revealed = {
    values: [
      {
        call: 'call-1',
        entry: 1,
        side: 'response' as const,
        pointer: '/data/password',
        rule: 'secret-data',
        state: 'open' as const,
        text: 'made-up',
      },
    ],
    bodies: [],
    truncated: false,
  }
  return {
    reveals: {
      request: async (_, wish) => ({ ...requested, ...wish }),
      approve: async () => approved,
      deny: async () => ({ ...requested, state: 'denied' }),
      list: async () => [approved],
      open: async () => ({
        record: { ...approved, state: 'opened' },
        openedAt: at,
        digest: `sha256:${createHash('sha256').update(JSON.stringify(revealed)).digest('hex')}`,
        revealed,
      }),
    },
    shreds: {
      request: async (_, keyClass, day, reason) => ({ ...shred, epoch: `${keyClass}-${day}`, reason }),
      approve: async () => ({ ...shred, state: 'approved', approver: person(bob), approvedAt: at }),
      deny: async () => ({ ...shred, state: 'denied', approver: person(bob) }),
      list: async () => [shred],
    },
    holds: {
      add: async (_, scope, reason) => ({ hold: { ...hold, scope, reason }, late: [] }),
      release: async () => hold,
      list: async () => [hold],
    },
  }
}
