import type { Row, Tables } from './tables.ts'

/** What the instance has kept of changes of some records (`sys_audit`). */
export interface History {
  /**
   * The last change of the state of this record. Undefined where none is known, where two claim to be the last, and where the
   * record has ever belonged to another ticket.
   */
  lastState(record: string): Row | undefined
  /** Whether anybody else than this user has changed the words of this ticket. */
  isReworded(ticket: string, user: string): boolean
}

const MOST = 1000
const WORDS = ['short_description', 'description']
/** Names the ticket that a record belongs to. */
const OWNER = 'sysapproval'

/** Rejects where there is more than can be read: a part would not say what came last. */
export async function readHistory(tables: Tables, records: readonly string[]): Promise<History> {
  const rows = await tables.rows('sys_audit', {
    where: [
      ['documentkey', 'IN', records],
      ['fieldname', 'IN', ['state', OWNER, ...WORDS]],
    ],
    fields: ['sys_id', 'fieldname', 'documentkey', 'user', 'newvalue', 'record_checkpoint'],
    most: MOST,
  })
  return {
    lastState(record) {
      const own = rows.filter(one => one.documentkey === record)
      if (own.some(one => one.fieldname === OWNER)) return undefined
      const states = own.filter(one => one.fieldname === 'state')
      const newest = Math.max(...states.map(placeOf))
      const [last, another] = states.filter(one => placeOf(one) === newest)
      return another === undefined && Number.isFinite(newest) ? last : undefined
    },
    isReworded: (ticket, user) =>
      rows.some(one => one.documentkey === ticket && WORDS.includes(one.fieldname!) && one.user !== user),
  }
}

/** The count of updates of the record, by which its changes are in order; their times are of whole seconds. */
function placeOf({ record_checkpoint: count }: Row): number {
  return count !== undefined && /^\d{1,9}$/.test(count) ? Number(count) : Number.POSITIVE_INFINITY
}
