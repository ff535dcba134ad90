import type { ChannelPerson } from '../contract.ts'
import { isQueryValue, isSysId, type Row, type Tables } from './tables.ts'

export interface Author {
  /** sys_id of the user. */
  readonly id: string
  readonly person: ChannelPerson
}

const MOST_NAMES = 100

/**
 * Whoever histories and comments name by their login names, by these names. People only: active, not locked, no account of a
 * program. A name that two users have, be it in other letters, is nobody's.
 * @param host Of the instance, in which ids of users are unique.
 */
export async function peopleNamed(
  tables: Tables,
  host: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, Author>> {
  const wanted = [...new Set(names.filter(isQueryValue))].slice(0, MOST_NAMES)
  const found = new Map<string, Author>()
  if (wanted.length === 0) return found
  const rows = await tables.rows('sys_user', {
    ...{ where: [['user_name', 'IN', wanted]], most: 2 * MOST_NAMES },
    fields: FIELDS,
  })
  for (const name of wanted) {
    const [row, another] = rows.filter(one => one.user_name!.toLowerCase() === name.toLowerCase())
    if (row === undefined || another !== undefined || row.user_name !== name || !isPerson(row)) continue
    const { sys_id: id, email } = row
    found.set(name, {
      id: id!,
      person: {
        id: `servicenow/${host}/${id}`,
        name: row.name === '' ? name : row.name!.slice(0, 200),
        ...(email === '' ? {} : { email: email! }),
      },
    })
  }
  return found
}

const FIELDS = [
  ...['sys_id', 'user_name', 'name', 'email', 'active', 'locked_out'],
  ...['web_service_access_only', 'internal_integration_user'],
]

function isPerson(row: Row): boolean {
  return (
    isSysId(row.sys_id!) &&
    row.active === 'true' &&
    row.locked_out !== 'true' &&
    row.web_service_access_only !== 'true' &&
    row.internal_integration_user !== 'true'
  )
}
