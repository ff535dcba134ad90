import { API_VERSION } from '../brand.ts'
import { type CatalogueEntry, catalogue } from '../errors/catalogue.ts'
import type { Run } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'
import { factLines } from './output/facts.ts'
import type { Column } from './output/table.ts'

interface Row extends CatalogueEntry {
  readonly code: string
}

const rows: readonly Row[] = Object.entries(catalogue).map(([code, entry]) => ({ code, ...entry }))

const columns: readonly Column<Row>[] = [
  { title: 'CODE', value: r => r.code },
  { title: 'HTTP', value: r => String(r.status) },
  { title: 'SUMMARY', value: r => r.summary, least: 20 },
]

/** The catalogue from this very program: works without a gateway and without a network. */
export const run: Run = async (context, [code]) => {
  if (code === undefined) {
    const document = { apiVersion: API_VERSION, kind: 'ErrorList', metadata: { continue: null }, items: rows }
    await context.output.list(document, rows, columns, r => `error/${r.code}`)
    return exitCodes.done
  }
  const found = rows.find(r => r.code === code)
  if (found === undefined) {
    const { didYouMean } = await import('../documents/suggest.ts')
    const known = rows.map(r => r.code)
    throw usage(`there is no error code ${code}${didYouMean(code, known)}`, 'list them: sallyport errors')
  }
  await context.output.one(
    { apiVersion: API_VERSION, kind: 'Error', ...found },
    factLines([
      ['Code', found.code],
      ['What', found.summary],
      ['HTTP', `${found.status} ${found.reason}`],
      ['Why', found.cause],
      ['Next', found.next],
    ]),
    `error/${found.code}`,
  )
  return exitCodes.done
}
