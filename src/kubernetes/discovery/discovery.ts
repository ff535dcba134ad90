import { Refusal } from '../../errors/refusal.ts'
import { apiVersionOf, type DiscoveryEntry, resourceKey } from './entry.ts'
import { type Entries, readAggregated, readGroupVersions, readResourceList } from './read-discovery.ts'

export interface DiscoverySource {
  /** Asks the upstream of one connection, as the gateway itself. Rejects with a Refusal when it cannot be reached. */
  fetch(path: string, accept: string): Promise<{ readonly status: number; readonly body: Uint8Array }>
  /** Milliseconds; for tests. */
  readonly now?: () => number
  /** Milliseconds between the beginnings of two refreshes. Default 1 s. */
  readonly minimumInterval?: number
  /** Milliseconds after which known facts are refreshed in the background. Default 60 s. */
  readonly maximumAge?: number
  /** Milliseconds that one refresh may take. Default 20 s. */
  readonly deadline?: number
}

export interface Discovery {
  /** What is known now; never asks the upstream. */
  known(group: string, version: string, resource: string): DiscoveryEntry | undefined
  /**
   * What the cluster says about a resource. One that is unknown causes a refresh that begins after this call (so
   * that a CRD made a moment ago is found), shared by all who wait and rate limited; undefined when the cluster does
   * not have it even then. Rejects with a Refusal when nothing has ever been learned and the upstream cannot be asked.
   */
  lookup(group: string, version: string, resource: string): Promise<DiscoveryEntry | undefined>
}

const AGGREGATED =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,' +
  'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json'
const PLAIN = 'application/json'
const LEGACY_REQUESTS_AT_ONCE = 4
const LARGEST_DOCUMENT = 32 * 1024 * 1024
/** A legacy cluster may have this many group versions; more is no cluster. */
const MOST_GROUP_VERSIONS = 2000

/** Discovery of one connection, cached. */
export function createDiscovery(source: DiscoverySource): Discovery {
  const now = source.now ?? (() => performance.now())
  const minimumInterval = source.minimumInterval ?? 1000
  const maximumAge = source.maximumAge ?? 60_000
  const deadline = source.deadline ?? 20_000
  let entries: Entries | undefined
  let loadedAt = Number.NEGATIVE_INFINITY
  let begunAt = Number.NEGATIVE_INFINITY
  /** A refresh that has been asked for and not begun: whoever comes now may share it. */
  let waiting: Promise<void> | undefined
  /** A refresh that has begun. */
  let running: Promise<void> = Promise.resolve()

  function refresh(): Promise<void> {
    waiting ??= begin()
    return waiting
  }

  async function begin(): Promise<void> {
    await running.catch(() => {})
    const early = begunAt + minimumInterval - now()
    if (early > 0) await new Promise(resolve => setTimeout(resolve, early))
    begunAt = now()
    waiting = undefined
    running = inTime(load(source), deadline).then(loaded => {
      entries = loaded
      loadedAt = begunAt
    })
    await running
  }

  function known(group: string, version: string, resource: string): DiscoveryEntry | undefined {
    return entries?.get(resourceKey(group, version, resource))
  }

  return {
    known,
    async lookup(group, version, resource) {
      const entry = known(group, version, resource)
      if (entry !== undefined) {
        // The answer does not wait; a failure leaves what is known and is tried again by a later call.
        if (now() - loadedAt > maximumAge && waiting === undefined) refresh().catch(() => {})
        return entry
      }
      try {
        await refresh()
      } catch (error) {
        if (entries === undefined) throw error
        // Facts of a while ago say that this resource is unknown: treated as such, with most care.
      }
      return known(group, version, resource)
    },
  }
}

/** An upstream that never answers must not stop every later refresh. */
async function inTime<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Refusal('upstream-timeout', { check: 'discovery' })), milliseconds)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

async function load(source: DiscoverySource): Promise<Entries> {
  const entries: Entries = new Map()
  const [core, groups] = await Promise.all([
    fetchDocument(source, '/api', AGGREGATED),
    fetchDocument(source, '/apis', AGGREGATED),
  ])
  for (const document of [core, groups]) {
    if (readAggregated(document, entries)) continue
    await loadLegacy(source, document, entries)
  }
  if (entries.size === 0) {
    throw new Refusal('upstream-answer-refused', {
      check: 'discovery',
      detail: 'the upstream lists no resources',
    })
  }
  return entries
}

async function loadLegacy(source: DiscoverySource, document: unknown, entries: Entries): Promise<void> {
  const left = readGroupVersions(document).slice(0, MOST_GROUP_VERSIONS)
  const worker = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const [group, version] = next
      const path = group === '' ? `/api/${version}` : `/apis/${apiVersionOf(group, version)}`
      // One aggregated API that is down must not take all others with it: its resources stay unknown.
      const list = await fetchDocument(source, path, PLAIN).catch(() => undefined)
      readResourceList(group, version, list, entries)
    }
  }
  await Promise.all(Array.from({ length: LEGACY_REQUESTS_AT_ONCE }, worker))
}

async function fetchDocument(source: DiscoverySource, path: string, accept: string): Promise<unknown> {
  const { status, body } = await source.fetch(path, accept)
  if (status !== 200 || body.length > LARGEST_DOCUMENT) {
    throw new Refusal('upstream-answer-refused', { check: 'discovery', detail: `${path} answered ${status}` })
  }
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'))
  } catch (cause) {
    throw new Refusal('upstream-answer-refused', { check: 'discovery', detail: `${path} is not JSON`, cause })
  }
}
