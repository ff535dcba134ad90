import { usage } from '../frame/failure.ts'
import type { ApiClient, Ask } from './client.ts'

interface List<T> {
  readonly metadata: { readonly continue: string | null }
  readonly items: T[]
}

const PAGE = 200
const DEFAULT_LIMIT = 100

/** Reads pages until `limit` rows are there (0: all), as one list document. */
export async function readPages<T, L extends List<T>>(
  client: ApiClient,
  path: string,
  query: NonNullable<Ask['query']>,
  limit: number,
): Promise<L> {
  let first: L | undefined
  let cursor: string | null = null
  const items: T[] = []
  do {
    const wanted: number = limit === 0 ? PAGE : Math.min(PAGE, limit - items.length)
    const page: L = await client.get<L>(path, {
      query: { ...query, limit: wanted, ...(cursor === null ? {} : { continue: cursor }) },
    })
    first ??= page
    items.push(...page.items)
    cursor = page.metadata.continue
  } while (cursor !== null && (limit === 0 || items.length < limit))
  return { ...first, metadata: { continue: cursor }, items }
}

export function limitOf(value: string | undefined): number {
  if (value === undefined) return DEFAULT_LIMIT
  if (!/^\d{1,7}$/.test(value)) throw usage(`--limit takes a number, not ${value}`)
  return Number(value)
}
