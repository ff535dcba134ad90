import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, whole } from './client.ts'
import { NAMESPACE } from './cluster.ts'
import type { Heard } from './ledger.ts'
import { outcomeOf } from './tally.ts'
import { LARGE, OBJECTS, side, type Worker } from './work.ts'

const until = (signal: AbortSignal, ms: number): Promise<void> =>
  sleep(ms, undefined, { signal }).catch(() => {})

interface WatchEvent {
  readonly type: string
  readonly object: {
    readonly code?: number
    readonly metadata: { readonly uid: string; readonly resourceVersion: string }
  }
}

/** Lines of an answer, until it ends. Throws when it is cut off. */
export async function* lines(body: Readable): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of body) {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop()!
    yield* parts
  }
}

/**
 * An informer: lists, then watches from there with bookmarks; each watch ends after some seconds by the server's own
 * clock and goes on where it ended. It lists again only when told that its version is gone.
 */
export async function inform(worker: Worker, heard: Heard): Promise<void> {
  const { tally, way, identity, stopping } = worker
  let version: string | undefined
  const known = new Set<string>()
  while (!stopping.aborted) {
    let answer: Answer | undefined
    const vanish = (): void => answer?.vanish()
    try {
      if (version === undefined) {
        const listed = await whole(worker.client, { path: OBJECTS })
        if (listed.status !== 200) throw new Error(String(listed.status))
        const list = JSON.parse(listed.body)
        version = list.metadata.resourceVersion as string
        for (const { metadata } of list.items) known.add(metadata.uid)
        tally.ok(side(way), 'inform-list')
      }
      const seconds = 20 + Math.floor(Math.random() * 30)
      const query = `watch=true&allowWatchBookmarks=true&resourceVersion=${version}&timeoutSeconds=${seconds}`
      answer = await worker.client.open({ path: `${OBJECTS}?${query}` })
      stopping.addEventListener('abort', vanish)
      if (answer.status !== 200) throw new Error(String(answer.status))
      for await (const line of lines(answer.body)) {
        const { type, object } = JSON.parse(line) as WatchEvent
        if (type === 'ERROR') {
          if (object.code === 410) version = undefined
          throw new Error(`watch error ${object.code}`)
        }
        version = object.metadata.resourceVersion
        if (type === 'MODIFIED') heard.take(`MODIFIED ${version}`)
        else if (type !== 'BOOKMARK') heard.take(`${type} ${object.metadata.uid}`)
      }
      tally.ok(side(way), 'watch')
    } catch (error) {
      if (stopping.aborted) break
      tally.wrong(side(way), 'watch', outcomeOf(error), `${way.name} ${identity.name}`)
      await until(stopping, 1000)
    } finally {
      stopping.removeEventListener('abort', vanish)
    }
  }
}

/** Reads a list of 5 MB at a bounded speed: 32 KiB each 100 ms. */
export async function readSlowly(worker: Worker): Promise<void> {
  const { tally, way, identity, stopping } = worker
  while (!stopping.aborted) {
    let answer: Answer | undefined
    const vanish = (): void => answer?.vanish()
    try {
      answer = await worker.client.open({ path: LARGE })
      stopping.addEventListener('abort', vanish)
      if (answer.status !== 200) throw new Error(String(answer.status))
      let bytes = 0
      let debt = 0
      for await (const chunk of answer.body) {
        bytes += chunk.length
        debt += chunk.length
        if (debt < 32_768) continue
        debt -= 32_768
        await until(stopping, 100)
      }
      if (bytes < 5_000_000) throw new Error(`only ${bytes} bytes`)
      tally.ok(side(way), 'slow-list')
    } catch (error) {
      if (stopping.aborted) break
      tally.wrong(side(way), 'slow-list', outcomeOf(error), `${way.name} ${identity.name}`)
    } finally {
      stopping.removeEventListener('abort', vanish)
    }
    await until(stopping, 5000)
  }
}

/** Follows the log of a pod for some seconds, then goes away, as `kubectl logs -f` and Ctrl-C. */
export async function followLog(worker: Worker): Promise<void> {
  const { tally, way, identity, stopping } = worker
  while (!stopping.aborted) {
    let answer: Answer | undefined
    try {
      answer = await worker.client.open({
        path: `/api/v1/namespaces/${NAMESPACE}/pods/ticker/log?follow=true&tailLines=1`,
      })
      if (answer.status !== 200) throw new Error(String(answer.status))
      let count = 0
      const wanted = 20 + Math.random() * 60
      for await (const line of lines(answer.body)) {
        if (!/^tick \d+$/.test(line)) throw new Error(`a line of the log is ${line}`)
        count += 1
        if (count > wanted || stopping.aborted) break
      }
      if (count <= wanted && !stopping.aborted) throw new Error(`the log ended after ${count} lines`)
      tally.ok(side(way), 'follow-log')
    } catch (error) {
      if (stopping.aborted) break
      tally.wrong(side(way), 'follow-log', outcomeOf(error), `${way.name} ${identity.name}`)
    } finally {
      answer?.vanish()
    }
    await until(stopping, 2000)
  }
}
