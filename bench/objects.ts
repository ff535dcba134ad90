import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Agent, request } from 'undici'
import type { Cluster } from '../testbed/start-cluster.ts'
import { LIST, SMALL } from './load.ts'

export const HUGE = '/api/v1/namespaces/bench-huge/configmaps'

export interface BenchObjects {
  /** Changes the object that the watches look at. */
  tick(n: number): Promise<void>
  /** What the API server answers, byte for byte, by path; and a list of 50 MB that it was not asked to hold. */
  readonly recorded: ReadonlyMap<string, Buffer>
}

/** Puts the objects of the scenarios on the cluster: a small one, 5 MB of them, and one that changes for watches. */
export async function prepareObjects(cluster: Cluster): Promise<BenchObjects> {
  const dispatcher = new Agent({
    connect: {
      ca: readFileSync(cluster.caFile),
      cert: readFileSync(cluster.adminCertFile),
      key: readFileSync(cluster.adminKeyFile),
    },
  })
  const send = async (method: 'POST' | 'PATCH', path: string, body: unknown): Promise<void> => {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
    const { statusCode, body: answer } = await request(cluster.url + path, {
      method,
      dispatcher,
      headers: { 'content-type': type },
      body: JSON.stringify(body),
    })
    const text = await answer.text()
    if (statusCode >= 300) throw new Error(`${method} ${path}: ${statusCode} ${text.slice(0, 200)}`)
  }
  const configMap = (name: string, data: Record<string, string>) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
    data,
  })
  for (const name of ['bench', 'bench-list']) {
    await send('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  }
  const inBench = '/api/v1/namespaces/bench/configmaps'
  await send('POST', inBench, configMap('small', { text: 'x'.repeat(1000) }))
  await send('POST', inBench, configMap('ticker', { tick: '0' }))
  for (let i = 0; i < 100; i++) {
    await send(
      'POST',
      '/api/v1/namespaces/bench-list/configmaps',
      configMap(`item-${i}`, { blob: randomBytes(38_000).toString('base64') }),
    )
  }
  const recorded = new Map<string, Buffer>()
  for (const path of [SMALL, LIST]) {
    const { body } = await request(cluster.url + path, { dispatcher })
    recorded.set(path, Buffer.from(await body.arrayBuffer()))
  }
  recorded.set(HUGE, hugeList(recorded.get(LIST)!))
  return {
    recorded,
    tick: n => send('PATCH', `${inBench}/ticker`, { data: { tick: String(n) } }),
  }
}

/** The items of the 5 MB list ten times. */
function hugeList(list: Buffer): Buffer {
  const { items, ...rest } = JSON.parse(list.toString()) as { items: unknown[] }
  return Buffer.from(JSON.stringify({ ...rest, items: Array.from({ length: 10 }, () => items).flat() }))
}
