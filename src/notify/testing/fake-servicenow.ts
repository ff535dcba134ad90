import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

type Row = Record<string, string>

export interface FakeServiceNow {
  readonly url: string
  /** Rows by table. */
  readonly tables: Record<string, Row[]>
  /** Status with which everything is answered; null: as usual. */
  broken: number | null
  /** Requests like this, method and path without query, are answered with 500. */
  failAt: string | null
  /** Requests that were answered, as method and path without query. */
  readonly calls: string[]
  user(name: string, more?: Row): Row
  /** As if this user did so; `comments` become entries of the journal, other changes of the history. */
  insert(by: string, table: string, values: Row): Row
  change(by: string, table: string, id: string, values: Row): void
  close(): Promise<void>
}

export interface FakeCredentials {
  readonly user: string
  readonly password: string
  readonly clientId?: string
  readonly clientSecret?: string
}

const TABLES = ['u_approval', 'sysapproval_approver', 'sys_audit', 'sys_journal_field', 'sys_user']
const REFERENCES = new Set(['sysapproval', 'approver', 'user', 'group'])

/**
 * A stand-in for an instance of ServiceNow: the Table API with encoded queries of `=`, `IN` and an order, histories and journals, of
 * the shapes that its documentation gives. As there, a part of a query that names an unknown field is left out, comparisons know no
 * case, and all values are texts. No real instance was asked.
 */
export async function startFakeServiceNow(credentials: FakeCredentials): Promise<FakeServiceNow> {
  let number = 0
  let token = ''
  const tables: Record<string, Row[]> = Object.fromEntries(
    [...TABLES, 'sys_user_grmember'].map(name => [name, []]),
  )
  const stampOf = (): string =>
    new Date(1_800_000_000_000 + number * 1000).toISOString().slice(0, 19).replace('T', ' ')
  const idOf = (): string => (++number).toString(16).padStart(32, '0')

  function add(table: string, values: Row): Row {
    const row = { sys_id: idOf(), sys_created_on: stampOf(), ...values }
    tables[table]!.push(row)
    return row
  }
  function write(by: string, table: string, row: Row, values: Row): void {
    for (const [name, value] of Object.entries(values)) {
      if (name === 'comments') {
        const entry = { element_id: row.sys_id!, name: table, element: 'comments', value, sys_created_by: by }
        add('sys_journal_field', entry)
      } else if (row[name] !== value) {
        const change = { fieldname: name, oldvalue: row[name] ?? '', newvalue: value, user: by }
        const at = String(Number(row.sys_mod_count) + 1)
        add('sys_audit', { tablename: table, documentkey: row.sys_id!, ...change, record_checkpoint: at })
        row[name] = value
      }
    }
    Object.assign(row, { sys_updated_by: by, sys_mod_count: String(Number(row.sys_mod_count) + 1) })
  }
  function insert(by: string, table: string, values: Row): Row {
    const { comments, ...rest } = values
    const row = add(table, { ...rest, sys_created_by: by, sys_updated_by: by, sys_mod_count: '0' })
    if (comments !== undefined) {
      add('sys_journal_field', {
        ...{ element_id: row.sys_id!, name: table, element: 'comments', value: comments, sys_created_by: by },
      })
    }
    return row
  }

  function callerOf({ headers }: IncomingMessage): string | null {
    const basic = `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`
    if (headers.authorization === basic) return credentials.user
    return token !== '' && headers.authorization === `Bearer ${token}` ? credentials.user : null
  }

  const server = createServer(async (request, response) => {
    const answer = (status: number, value: object): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    const { pathname, searchParams } = new URL(request.url!, 'http://instance')
    fake.calls.push(`${request.method} ${pathname}`)
    const body = await text(request)
    if (fake.broken !== null) return answer(fake.broken, { error: { message: 'broken' }, status: 'failure' })
    if (fake.failAt === `${request.method} ${pathname}`) return answer(500, {})
    if (pathname === '/oauth_token.do') {
      const form = new URLSearchParams(body)
      const isOurs =
        form.get('grant_type') === 'client_credentials' &&
        form.get('client_id') === credentials.clientId &&
        form.get('client_secret') === credentials.clientSecret
      if (!isOurs) return answer(401, { error: 'invalid_client' })
      token = `t${++number}`
      return answer(200, { access_token: token, token_type: 'Bearer', expires_in: 1799 })
    }
    const by = callerOf(request)
    if (by === null) return answer(401, { error: { message: 'User Not Authenticated' }, status: 'failure' })
    const [, table = '', id] = /^\/api\/now\/table\/(\w+)(?:\/(\w+))?$/.exec(pathname) ?? []
    const rows = tables[table]
    if (rows === undefined) return answer(400, { error: { message: 'Invalid table' }, status: 'failure' })
    const fields = searchParams.get('sysparm_fields')!.split(',')
    const shown = (row: Row): object => shownRow(row, fields, searchParams)
    if (request.method === 'POST') return answer(201, { result: shown(insert(by, table, JSON.parse(body))) })
    if (id === undefined) {
      const limit = Number(searchParams.get('sysparm_limit'))
      const found = asked(rows, searchParams.get('sysparm_query')!).slice(0, limit)
      return answer(200, { result: found.map(shown) })
    }
    const row = rows.find(one => one.sys_id === id)
    if (row === undefined) return answer(404, { error: { message: 'No Record found' }, status: 'failure' })
    if (request.method === 'PATCH') write(by, table, row, JSON.parse(body))
    return answer(200, { result: shown(row) })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const fake: FakeServiceNow = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ tables, broken: null, failAt: null, calls: [], insert },
    user: (name, more = {}) =>
      add('sys_user', { user_name: name, name: name.toUpperCase(), email: '', active: 'true', ...more }),
    change: (by, table, id, values) => {
      write(by, table, tables[table]!.find(one => one.sys_id === id)!, values)
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  fake.user(credentials.user)
  return fake
}

function shownRow(row: Row, fields: readonly string[], parameters: URLSearchParams): object {
  const isPlain = parameters.get('sysparm_exclude_reference_link') === 'true'
  return Object.fromEntries(
    fields.map(field => {
      const value = row[field] ?? ''
      const isLinked = REFERENCES.has(field) && !isPlain && value !== ''
      return [field, isLinked ? { link: `https://instance/${value}`, value } : value]
    }),
  )
}

/** An encoded query. What names a field that no row has is passed over. */
function asked(rows: readonly Row[], query: string): Row[] {
  let found = [...rows]
  for (const part of query.split('^')) {
    const [, field = '', is, value = ''] = /^([a-z_]+)(=|IN)(.*)$/.exec(part) ?? []
    const order = /^ORDERBY(DESC)?(\w+)$/.exec(part)
    if (order !== null) {
      const name = order[2]!
      found.sort((a, b) => (a[name]! < b[name]! ? -1 : a[name]! > b[name]! ? 1 : 0))
      if (order[1] !== undefined) found.reverse()
    } else if (rows.some(row => Object.hasOwn(row, field))) {
      const values = (is === 'IN' ? value.split(',') : [value]).map(one => one.toLowerCase())
      found = found.filter(row => values.includes((row[field] ?? '').toLowerCase()))
    }
  }
  return found
}
