import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, http1Client, http2Client, type Identity, type Way } from './client.ts'
import type { Heard, Ledger } from './ledger.ts'
import type { SoakRig } from './rig.ts'
import { followLog, inform, readSlowly } from './streams.ts'
import type { Tally } from './tally.ts'
import { vanish } from './vanish.ts'
import { mixed, type Worker } from './work.ts'

export interface Informer {
  readonly name: string
  readonly heard: Heard
}

export interface Crowd {
  readonly informers: readonly Informer[]
  /**
   * All end what they are at; informers last, when they have heard of every change or 30 s have passed. Then every
   * connection is closed.
   */
  stop(): Promise<void>
}

/** Milliseconds between two requests of one who works, on average. */
const PACE = 200
/** Milliseconds between two clients that vanish. */
const VANISH_PACE = 800

/**
 * Starts 20 users of the gateway, of both kinds of agent: 4 informers, 11 who do the usual mix, 2 slow readers, 1 who
 * follows a log, 2 who vanish. A tenth of it goes to the API server directly. Resolves when all informers watch.
 */
export async function startCrowd(
  { ways, identities }: SoakRig,
  tally: Tally,
  ledger: Ledger,
): Promise<Crowd> {
  const [working, watching] = [new AbortController(), new AbortController()]
  const clients: Client[] = []
  const worker = (way: Way, identity: Identity, kind = http1Client, stopping = working.signal): Worker => {
    const client = kind(way, identity)
    clients.push(client)
    return { way, identity, client, tally, ledger, stopping }
  }

  const places: [Way, Identity, typeof http2Client][] = [
    [ways.embedded, identities.alice, http1Client],
    [ways.embedded, identities.account, http2Client],
    [ways.remote, identities.bob, http2Client],
    [ways.remote, identities.remote, http1Client],
    [ways.direct, identities.direct, http2Client],
  ]
  const watches: Promise<void>[] = []
  const informers = places.map(([way, identity, kind]) => {
    const heard = ledger.informer()
    watches.push(inform(worker(way, identity, kind, watching.signal), heard))
    return { name: `${way.name} ${identity.name}`, heard }
  })
  const listed = (): number =>
    ['gateway', 'direct'].reduce((sum, of) => sum + (tally.counts.get(`${of} inform-list`)?.ok ?? 0), 0)
  for (let left = 300; left > 0 && listed() < places.length; left--) await sleep(100)
  assert.equal(listed(), places.length, `informers have not listed:\n${tally.samples.join('\n')}`)

  const people: [Way, Identity][] = [
    [ways.embedded, identities.alice],
    [ways.embedded, identities.bob],
    [ways.embedded, identities.account],
    [ways.embedded, identities.embedded],
    [ways.embedded, identities.alice],
    [ways.embedded, identities.account],
    [ways.remote, identities.alice],
    [ways.remote, identities.bob],
    [ways.remote, identities.account],
    [ways.remote, identities.remote],
    [ways.remote, identities.account],
  ]
  const kindOf = (i: number): typeof http2Client => (i % 3 === 0 ? http2Client : http1Client)
  const work = [
    ...people.map(([way, identity], i) => mixed(worker(way, identity, kindOf(i)), PACE)),
    readSlowly(worker(ways.embedded, identities.bob)),
    readSlowly(worker(ways.remote, identities.alice, http2Client)),
    followLog(worker(ways.remote, identities.bob)),
    vanish(worker(ways.embedded, identities.alice), VANISH_PACE),
    vanish(worker(ways.remote, identities.account), VANISH_PACE),
    mixed(worker(ways.direct, identities.direct), PACE),
    readSlowly(worker(ways.direct, identities.direct)),
    followLog(worker(ways.direct, identities.direct)),
    vanish(worker(ways.direct, identities.direct), VANISH_PACE * 5),
  ]
  return {
    informers,
    async stop() {
      working.abort()
      await Promise.all(work)
      const waiting = (): boolean => informers.some(each => each.heard.missing().length > 0)
      for (let left = 300; left > 0 && waiting(); left--) await sleep(100)
      watching.abort()
      await Promise.all(watches)
      for (const client of clients) client.close()
    },
  }
}
