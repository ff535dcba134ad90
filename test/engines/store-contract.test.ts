import { after, before } from 'node:test'
import { parsePostgresUrl } from '../../src/postgres/settings.ts'
import { openPostgresStore } from '../../src/store/postgres/open-postgres-store.ts'
import { storeContract } from '../../src/store/store-contract.ts'
import { type PostgresServer, startPostgres } from '../../testbed/postgres/start-postgres.ts'

let server: PostgresServer
let schemas = 0
before(async () => {
  server = await startPostgres()
})
after(() => server?.stop())

storeContract('PostgreSQL', () => {
  schemas += 1
  return openPostgresStore(parsePostgresUrl(`${server.url}?schema=contract_${schemas}`, server.password))
})
