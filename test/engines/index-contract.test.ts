import { after, before } from 'node:test'
import { indexContract } from '../../src/audit/index/index-contract.ts'
import { parsePostgresUrl } from '../../src/postgres/settings.ts'
import { type PostgresServer, startPostgres } from '../../testbed/postgres/start-postgres.ts'

let server: PostgresServer
let schemas = 0
before(async () => {
  server = await startPostgres()
})
after(() => server?.stop())

indexContract('PostgreSQL', () => {
  schemas += 1
  return { postgres: parsePostgresUrl(`${server.url}?schema=contract_${schemas}`, server.password) }
})
