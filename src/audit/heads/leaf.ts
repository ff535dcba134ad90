import type { EntryKind, Phase } from '../entry.ts'
import type { Commitment } from './seal.ts'

/** What the tree commits to: no free text, no names, under 1 KB. Canonical JSON (RFC 8785): sorted names, no spaces. */
export interface Leaf {
  readonly call: string
  readonly effect?: 'allow' | 'deny' | 'hold'
  /** Of `key.shred`: `<class>-<yyyy-mm-dd>`. */
  readonly epoch?: string
  /** Of a frame: its number within the call, from 0. */
  readonly frame?: number
  /** Of an outcome: how many frames came before it. */
  readonly frames?: number
  readonly head?: Commitment
  readonly id: string
  readonly kind: EntryKind
  readonly phase: Phase
  /** `sha256:` and hex of the policy set that decided. */
  readonly policy?: string
  readonly request?: BodyLeaf
  readonly requestDelta?: DeltaLeaf
  readonly response?: BodyLeaf
  readonly responseDelta?: DeltaLeaf
  /** Index in the log, from 0. */
  readonly seq: number
  readonly session?: string
  /** RFC 3339, nine decimals, UTC; strictly later than the entry before. */
  readonly time: string
  readonly v: 1
}

export interface BodyLeaf extends Commitment {
  readonly class: 'shown' | 'sealed'
  /** Bytes of the body. */
  readonly n: number
}

/** `n`: values that were masked. */
export interface DeltaLeaf extends Commitment {
  readonly n: number
}

export const LEAF_LIMIT = 1024

export interface LeafFacts {
  readonly call: string
  readonly effect: string | null
  readonly epoch: string | null
  readonly frame: number
  readonly frames: number
  readonly head: Commitment | null
  readonly id: string
  readonly kind: string
  readonly phase: string
  readonly policy: string | null
  readonly request: BodyLeaf | null
  readonly requestDelta: DeltaLeaf | null
  readonly response: BodyLeaf | null
  readonly responseDelta: DeltaLeaf | null
  readonly seq: number
  readonly session: string | null
  readonly time: string
}

/** Every string in it was checked against a pattern without characters that JSON escapes. */
export function encodeLeaf(facts: LeafFacts): string {
  return (
    `{"call":"${facts.call}"` +
    (facts.effect === null ? '' : `,"effect":"${facts.effect}"`) +
    (facts.epoch === null ? '' : `,"epoch":"${facts.epoch}"`) +
    (facts.frame < 0 ? '' : `,"frame":${facts.frame}`) +
    (facts.frames < 0 ? '' : `,"frames":${facts.frames}`) +
    (facts.head === null ? '' : `,"head":{"ct":"${facts.head.ct}","pt":"${facts.head.pt}"}`) +
    `,"id":"${facts.id}","kind":"${facts.kind}","phase":"${facts.phase}"` +
    (facts.policy === null ? '' : `,"policy":"${facts.policy}"`) +
    (facts.request === null ? '' : `,"request":${bodyLeaf(facts.request)}`) +
    (facts.requestDelta === null ? '' : `,"requestDelta":${deltaLeaf(facts.requestDelta)}`) +
    (facts.response === null ? '' : `,"response":${bodyLeaf(facts.response)}`) +
    (facts.responseDelta === null ? '' : `,"responseDelta":${deltaLeaf(facts.responseDelta)}`) +
    `,"seq":${facts.seq}` +
    (facts.session === null ? '' : `,"session":"${facts.session}"`) +
    `,"time":"${facts.time}","v":1}`
  )
}

function bodyLeaf(body: BodyLeaf): string {
  return `{"class":"${body.class}","ct":"${body.ct}","n":${body.n},"pt":"${body.pt}"}`
}

function deltaLeaf(delta: DeltaLeaf): string {
  return `{"ct":"${delta.ct}","n":${delta.n},"pt":"${delta.pt}"}`
}
