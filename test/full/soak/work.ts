import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Ask, type Client, http1Client, type Identity, type Reply, type Way, whole } from './client.ts'
import { LARGE_NAMESPACE, NAMESPACE } from './cluster.ts'
import { SHUT_NAMESPACE } from './documents.ts'
import type { Ledger } from './ledger.ts'
import { outcomeOf, type Tally } from './tally.ts'

/** One of those who work: a client on a way, and where it writes down how it went. */
export interface Worker {
  readonly way: Way
  readonly identity: Identity
  readonly client: Client
  readonly tally: Tally
  readonly ledger: Ledger
  readonly stopping: AbortSignal
}

export const SMALL = `/api/v1/namespaces/${NAMESPACE}/configmaps/small`
export const OBJECTS = `/api/v1/namespaces/${NAMESPACE}/configmaps`
export const LARGE = `/api/v1/namespaces/${LARGE_NAMESPACE}/configmaps`

export const side = (way: Way): string => (way.name === 'direct' ? 'direct' : 'gateway')

/** Asks, counts, and resolves with the answer if it is one of those that are right. */
export async function expectOne(
  worker: Worker,
  kind: string,
  ask: Ask,
  right: readonly number[],
  client = worker.client,
): Promise<Reply | undefined> {
  const { tally, way, identity } = worker
  const began = performance.now()
  try {
    const reply = await whole(client, ask)
    if (kind === 'get') tally.took(side(way), performance.now() - began)
    if (right.includes(reply.status)) {
      tally.ok(side(way), kind)
      return reply
    }
    tally.wrong(side(way), kind, String(reply.status), `${way.name} ${identity.name}: ${reply.body}`)
  } catch (error) {
    tally.wrong(side(way), kind, outcomeOf(error), `${way.name} ${identity.name}: ${ask.path}`)
  }
  return undefined
}

const uidOf = (reply: Reply): string => JSON.parse(reply.body).metadata.uid

/** One object from its creation to its deletion; each step is heard by the informers. */
async function lifeOfAnObject(worker: Worker, pause: () => Promise<void>): Promise<void> {
  const name = `o-${randomUUID()}`
  const body = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, labels: { of: 'soak' } },
    data: { text: 'y'.repeat(500) },
  }
  const one = `${OBJECTS}/${name}`
  const created = await expectOne(worker, 'create', { method: 'POST', path: OBJECTS, body }, [201])
  if (created === undefined) return
  const uid = uidOf(created)
  worker.ledger.wrote(`ADDED ${uid}`)
  await pause()
  await expectOne(worker, 'get', { path: one }, [200])
  await pause()
  const change = { data: { text: `changed ${Date.now()}` } }
  const type = 'application/merge-patch+json'
  const patched = await expectOne(worker, 'patch', { method: 'PATCH', path: one, body: change, type }, [200])
  if (patched !== undefined)
    worker.ledger.wrote(`MODIFIED ${JSON.parse(patched.body).metadata.resourceVersion}`)
  await pause()
  const deleted = await expectOne(worker, 'delete', { method: 'DELETE', path: one }, [200])
  if (deleted !== undefined) worker.ledger.wrote(`DELETED ${uid}`)
  await pause()
}

/** What policy, parser or API server refuse. The same is asked directly where it is the API server who refuses. */
async function refusals(worker: Worker, pause: () => Promise<void>): Promise<void> {
  await expectOne(worker, 'get-404', { path: `${OBJECTS}/none` }, [404])
  await pause()
  const unfit = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'Not a Name' } }
  await expectOne(worker, 'create-422', { method: 'POST', path: OBJECTS, body: unfit }, [422])
  await pause()
  if (worker.way.name === 'direct') return
  await expectOne(worker, 'denied-403', { path: `/api/v1/namespaces/${NAMESPACE}/secrets` }, [403])
  await pause()
  await expectOne(
    worker,
    'denied-403',
    { path: `/api/v1/namespaces/${SHUT_NAMESPACE}/configmaps/one` },
    [403],
  )
  await pause()
  await expectOne(worker, 'ambiguous-400', { path: `${OBJECTS}//small` }, [400])
  await pause()
}

/**
 * The usual mix, one request each `every` milliseconds: reads, the life of an object, a list, now and then refusals
 * and a request on a TLS connection of its own.
 */
export async function mixed(worker: Worker, every: number): Promise<void> {
  const alone = http1Client(worker.way, worker.identity, false)
  let next = performance.now() + Math.random() * every
  // A slot that was missed is not made up for: the rate stays bounded.
  const pause = async (): Promise<void> => {
    next = Math.max(next + every * (0.5 + Math.random()), performance.now())
    await sleep(Math.max(0, next - performance.now()), undefined, { signal: worker.stopping }).catch(() => {})
  }
  for (let round = 0; !worker.stopping.aborted; round++) {
    await lifeOfAnObject(worker, pause)
    await expectOne(worker, 'get', { path: SMALL }, [200])
    await pause()
    await expectOne(worker, 'list', { path: `${OBJECTS}?limit=20` }, [200])
    await pause()
    if (round % 3 === 0) {
      await expectOne(worker, 'new-tls', { path: SMALL }, [200], alone)
      await pause()
    }
    if (round % 5 === 0) await refusals(worker, pause)
  }
  alone.close()
}
