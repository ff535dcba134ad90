import { type ClusterEvent, isOurName } from './cluster-event.ts'
import { differences, isLastStage } from './compare.ts'
import type { OurCall } from './our-calls.ts'
import { Collected, type Different, type Repeated, type Unrecorded } from './report.ts'

/** Users of the cluster that are kept apart until it is known which of them are agents. */
const MOST_USERS = 20_000
const ITEMS_PER_USER = 20

/** The time in which an entry of ours can be asked for. Milliseconds since the epoch, both ends included. */
export interface Window {
  readonly since: number
  readonly until: number
}

interface PerUser {
  readonly found: Collected<Unrecorded>
  readonly verbs: Map<string, number>
}

/** Takes the cluster's events one by one, marks the calls that they show, and keeps what is wrong. */
export class ClusterSide {
  /** Users that are agents of ours. */
  readonly agentUsers: Set<string>
  readonly different = new Collected<Different>()
  readonly repeated = new Collected<Repeated>()
  readonly unrecorded = new Collected<Unrecorded>()
  /** By verb, of `unrecorded`. */
  readonly unrecordedVerbs = new Map<string, number>()
  tooManyUsers = false
  events = 0
  from = Number.POSITIVE_INFINITY
  to = Number.NEGATIVE_INFINITY
  /** Under an identity of ours, at a time of which our log says nothing. */
  outside = 0
  duplicates = 0
  foreign = 0
  panics = 0
  readonly #calls: Map<string, OurCall>
  readonly #window: Window
  /** By user, of events that may turn out to be an agent's. */
  readonly #others = new Map<string, PerUser>()

  constructor(calls: Map<string, OurCall>, agentUsers: readonly string[], window: Window) {
    this.#calls = calls
    this.agentUsers = new Set(agentUsers)
    this.#window = window
  }

  take(event: ClusterEvent): void {
    this.events += 1
    this.from = Math.min(this.from, event.stamped)
    this.to = Math.max(this.to, event.stamped)
    if (event.stage === 'Panic') this.panics += 1
    const ours = this.#calls.get(event.id)
    if (ours === undefined) this.#unknown(event)
    else this.#known(ours, event)
  }

  #known(ours: OurCall, event: ClusterEvent): void {
    if (!isLastStage(event)) {
      if (ours.seen === 'no') ours.seen = 'begun'
      return
    }
    if (ours.seen === 'ended') {
      if (ours.times === event.times) this.duplicates += 1
      else this.repeated.add({ auditID: event.id, time: timeOf(event.received), ...askedBy(event) })
      return
    }
    ours.seen = 'ended'
    ours.times = event.times
    const found = differences(ours, event)
    for (const each of found) this.different.add({ auditID: event.id, time: timeOf(event.received), ...each })
    // Only what agrees in everything teaches: anybody can send an Audit-ID of ours under another name.
    if (found.length === 0 && event.user !== '' && ours.verb !== '') this.agentUsers.add(event.user)
  }

  /** Of several stages of a request the last one counts; a request without one is counted by none. */
  #unknown(event: ClusterEvent): void {
    if (!isLastStage(event)) return
    if (event.received < this.#window.since || event.received > this.#window.until) {
      if (this.agentUsers.has(event.user) || isOurName(event) !== undefined) this.outside += 1
      return
    }
    const name = isOurName(event)
    if (name !== undefined) this.#keep(event, name === 'user' ? 'our user name' : 'our extra')
    else if (this.agentUsers.has(event.user)) this.#keep(event, 'agent user')
    else this.#remember(event)
  }

  #keep(event: ClusterEvent, why: Unrecorded['why']): void {
    this.unrecorded.add(unrecordedOf(event, why))
    this.unrecordedVerbs.set(event.verb, (this.unrecordedVerbs.get(event.verb) ?? 0) + 1)
  }

  #remember(event: ClusterEvent): void {
    this.foreign += 1
    let of = this.#others.get(event.user)
    if (of === undefined) {
      if (this.#others.size >= MOST_USERS) {
        this.tooManyUsers = true
        return
      }
      of = { found: new Collected(ITEMS_PER_USER), verbs: new Map() }
      this.#others.set(event.user, of)
    }
    of.found.add(unrecordedOf(event, 'agent user'))
    of.verbs.set(event.verb, (of.verbs.get(event.verb) ?? 0) + 1)
  }

  /** Who turned out to be an agent after some of its events had gone by. */
  settleUsers(): void {
    for (const user of this.agentUsers) {
      const of = this.#others.get(user)
      if (of === undefined) continue
      this.#others.delete(user)
      this.unrecorded.addAll(of.found)
      this.foreign -= of.found.count
      for (const [verb, count] of of.verbs)
        this.unrecordedVerbs.set(verb, (this.unrecordedVerbs.get(verb) ?? 0) + count)
    }
  }
}

function askedBy(event: ClusterEvent): Pick<Repeated, 'verb' | 'uri' | 'user'> {
  return { verb: event.verb, uri: event.uri.slice(0, 500), user: event.user }
}

function unrecordedOf(event: ClusterEvent, why: Unrecorded['why']): Unrecorded {
  return {
    auditID: event.id,
    time: timeOf(event.received),
    why,
    ...askedBy(event),
    ...(event.asUser === undefined ? {} : { impersonated: event.asUser }),
    userAgent: event.userAgent.slice(0, 200),
    addresses: event.addresses.slice(0, 5),
    code: event.code,
  }
}

export function timeOf(milliseconds: number): string {
  return Number.isFinite(milliseconds) ? new Date(milliseconds).toISOString() : '-'
}
