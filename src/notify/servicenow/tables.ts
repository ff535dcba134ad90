import { type Caller, createCaller, type RenewedAuthorization } from '../outgoing/caller.ts'
import { at, listAt, textAt } from '../outgoing/json.ts'

export interface TablesSettings {
  /** Of the instance, without a slash at its end. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly authorization?: RenewedAuthorization | undefined
  /** PEM. */
  readonly ca?: string | undefined
}

/** Fields by name; all values are texts, as the database has them. */
export type Row = Readonly<Record<string, string>>

export type Condition = readonly [field: string, is: '=' | 'IN', value: string | readonly string[]]

export interface Question {
  readonly where: readonly Condition[]
  readonly fields: readonly string[]
  /** At most so many rows. */
  readonly most: number
  /** Newest first, and what is too much is left out; otherwise too much is an error. */
  readonly newest?: true
}

/**
 * The Table API of one instance: https://www.servicenow.com/docs/r/api-reference/rest-apis/c_TableAPI.html. An instance leaves
 * out a part of a query that it does not understand, so each row is held against the question once more.
 */
export interface Tables {
  rows(table: string, question: Question): Promise<readonly Row[]>
  row(table: string, id: string, fields: readonly string[]): Promise<Row>
  /** Resolves with these fields of what it is now. */
  insert(table: string, values: object, fields: readonly string[]): Promise<Row>
  change(table: string, id: string, values: object): Promise<void>
  end(): Promise<void>
}

/** References as ids, choices as their values. */
const PLAIN = 'sysparm_display_value=false&sysparm_exclude_reference_link=true'

export function createTables({ url, headers, authorization, ca }: TablesSettings): Tables {
  const caller: Caller = createCaller({ url: `${url}/api/now/table`, headers, authorization, ca })
  const fieldsOf = (fields: readonly string[]): string => `${PLAIN}&sysparm_fields=${fields.join(',')}`

  return {
    async rows(table, { where, fields, most, newest }) {
      const conditions = where.map(one => `${one[0]}${one[1]}${queryValue(one[2])}`)
      const query = [...conditions, `${newest === true ? 'ORDERBYDESC' : 'ORDERBY'}sys_created_on`].join('^')
      const limit = newest === true ? most : most + 1
      const path = `/${table}?sysparm_query=${encodeURIComponent(query)}&sysparm_limit=${limit}&${fieldsOf(fields)}`
      const { json } = await caller.call({ method: 'GET', path })
      const found = listAt(json, 'result')
      if (found.length > limit || (newest !== true && found.length > most)) {
        throw new Error(`there are more than ${most} rows of ${table}`)
      }
      return found.map(one => rowOf(one, fields)).filter(row => where.every(one => fits(row, one)))
    },
    async row(table, id, fields) {
      const { json } = await caller.call({ method: 'GET', path: `/${table}/${id}?${fieldsOf(fields)}` })
      return rowOf(at(json, 'result'), fields)
    },
    async insert(table, values, fields) {
      const { json } = await caller.call({
        ...{ method: 'POST', path: `/${table}?${fieldsOf(fields)}`, json: values },
      })
      return rowOf(at(json, 'result'), fields)
    },
    async change(table, id, values) {
      const path = `/${table}/${id}?${fieldsOf(['sys_id'])}`
      await caller.call({ method: 'PATCH', path, json: values })
    },
    end: () => caller.end(),
  }
}

/** Empty texts where the answer has none; a reference that comes with its link all the same is its id. */
function rowOf(value: unknown, fields: readonly string[]): Row {
  return Object.fromEntries(
    fields.map(field => [field, textAt(value, field) ?? textAt(value, field, 'value') ?? '']),
  )
}

/** As the database compares: without case. */
function fits(row: Row, [field, , wanted]: Condition): boolean {
  const value = row[field]?.toLowerCase()
  const all = typeof wanted === 'string' ? [wanted] : wanted
  return all.some(one => one.toLowerCase() === value)
}

function queryValue(value: string | readonly string[]): string {
  const values = typeof value === 'string' ? [value] : value
  for (const one of values) {
    if (!isQueryValue(one)) throw new Error('a value cannot stand in a query')
  }
  return values.join(',')
}

/** Whether it stays one value in an encoded query: no further condition, no second value, no script that the instance would run. */
export function isQueryValue(text: string): boolean {
  return text.length <= 200 && /^[^^,\p{C}]+$/u.test(text) && !/^\s*javascript:/i.test(text)
}

export function isSysId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text)
}
