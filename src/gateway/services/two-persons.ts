import { readFileSync } from 'node:fs'
import { actEntry, SELF } from '../../audit/acts.ts'
import type { OpenAuditLog } from '../../audit/log/contract.ts'
import type { Person } from '../../audit/person.ts'
import { createReveals, type Reveals } from '../../audit/reveal/reveals.ts'
import { scopeWords } from '../../audit/reveal/scope.ts'
import type { AuditIndex } from '../../audit/search/contract.ts'
import { createHolds, type Holds } from '../../audit/shred/holds.ts'
import { createShreds, keysUnderWay, type Retention, type Shreds } from '../../audit/shred/shreds.ts'
import { linesOf, parseRecipient, type Recipient } from '../../keys/age/age.ts'
import { type StateStore, StoreConflict } from '../../store/store.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { newCallId } from '../call-id.ts'

/** What takes two persons, or is forbidden by a hold. */
export interface TwoPersons {
  readonly reveals: Reveals
  readonly shreds: Shreds
  readonly holds: Holds
  close(): Promise<void>
}

export interface TwoPersonsParts {
  readonly store: StateStore
  readonly log: OpenAuditLog
  readonly index: AuditIndex
  readonly logger: Logger
  readonly now: () => number
  readonly policyDigest: () => string
  readonly retention?: Retention
  readonly recipients: readonly Recipient[]
  readonly linked?: (one: Person, other: Person) => boolean
}

/** Milliseconds between two rounds of what goes by itself. */
const ROUND = 60_000

export async function openTwoPersons(parts: TwoPersonsParts): Promise<TwoPersons> {
  const { store, logger } = parts
  const common = { ...parts, newId: () => newCallId(parts.now()) }
  const reveals = createReveals({
    ...common,
    onOpened: ({ record, digest }) =>
      logger.warn(
        {
          reveal: record.id,
          by: record.requester.username,
          approvedBy: record.approver?.username,
          owners: record.of.map(one => one.username),
          ticket: record.ticket,
          digest,
        },
        `sealed originals were opened: ${scopeWords(record.scope)}`,
      ),
  })
  const holds = createHolds({ ...common, destroying: () => keysUnderWay(store) })
  const shreds = createShreds({
    ...common,
    holds,
    onTrouble: (epoch, error) => logger.error({ epoch, error }, 'a key could not be destroyed'),
  })
  await recordRecipients(parts)
  let round: Promise<void> = Promise.resolve()
  const sweep = () => {
    round = round
      .then(() => reveals.sweep())
      .then(() => shreds.sweep())
      .catch(error => logger.warn({ error }, 'reveals or keys could not be looked through'))
  }
  sweep()
  const timer = setInterval(sweep, ROUND)
  timer.unref()
  return {
    reveals,
    shreds,
    holds,
    async close() {
      clearInterval(timer)
      await round
    },
  }
}

/** Lines of a file. Rejects, naming the file and the line, for anything that is no recipient. */
export async function readRecipients(file: string): Promise<Recipient[]> {
  const lines = linesOf(readFileSync(file, 'utf8'))
  if (lines.length === 0) throw new Error(`${file} names no recipient`)
  return await Promise.all(
    lines.map((line, at) =>
      parseRecipient(line).catch(error => {
        throw new Error(`${file}, recipient ${at + 1}: ${error instanceof Error ? error.message : error}`)
      }),
    ),
  )
}

/** Who can open what is sealed is part of the record: each change is an entry. */
async function recordRecipients({
  store,
  log,
  recipients,
  policyDigest,
  now,
}: TwoPersonsParts): Promise<void> {
  const names = recipients.map(one => one.text).sort()
  const known = await store.get<{ recipients: string[] }>('recipients', log.origin)
  const before = known?.value.recipients ?? []
  if (JSON.stringify(before) === JSON.stringify(names)) return
  const act = {
    id: newCallId(now()),
    kind: 'key.recipients',
    principal: SELF,
    policyDigest: policyDigest(),
  } as const
  await log.append(actEntry(act, { before, recipients: names }))
  const value = { recipients: names }
  try {
    await store.commit([
      known === undefined
        ? { op: 'create', kind: 'recipients', key: log.origin, value }
        : { op: 'update', kind: 'recipients', key: log.origin, value, version: known.version },
    ])
  } catch (error) {
    // Said twice at worst.
    if (!(error instanceof StoreConflict)) throw error
  }
}
