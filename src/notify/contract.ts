import type { IncomingHttpHeaders } from 'node:http'
import type { Verdict } from '../approvals/contract.ts'
import type { ApprovalMessage } from '../approvals/message.ts'

/**
 * A way to tell people of approvals, and to hear from them. Whatever it sends may arrive more than once: `key` names the
 * message, the same for each attempt. A method that rejects is tried again later.
 */
export interface Channel {
  readonly name: string
  /** Milliseconds after a sign-in in which its linked people may decide from it; absent: 12 hours. */
  readonly signInWithin?: number
  wants(message: ApprovalMessage): boolean
  /** Resolves with its own name of what it has made (a message, a ticket), of at most 500 characters. */
  create(message: ApprovalMessage, key: string): Promise<string>
  /** Somebody has decided, and others have to. */
  update(reference: string, message: ApprovalMessage, key: string): Promise<void>
  /** It is over: nothing can be decided any more. */
  close(reference: string, message: ApprovalMessage, key: string): Promise<void>
  /**
   * What somebody sends to the gateway, looked at before anything is waited for. Throws Refusals 400, 401 and 403. Absent: it
   * only tells, or is read.
   */
  receive?(incoming: Incoming): Received
  /**
   * Of a channel that cannot prove what it sends: reads, by a request with its own credential, what people have said under
   * `reference` since it was made. What was returned before may be returned again.
   */
  poll?(reference: string, message: ApprovalMessage): Promise<readonly Polled[]>
  /** Milliseconds between two readings of one thing; absent: 15 seconds. */
  readonly pollEvery?: number
  /**
   * Tells a person, and nobody else, what came of what he said. Absent: what he said cannot be answered in private, and he is
   * sent no link of his own (`claim` is how he is linked). A failure is logged, not tried again.
   */
  reply?(said: Said, answer: Answered): Promise<void>
  /**
   * Of a channel without `reply`: says under `reference`, where others read it too, why what a person said does not count. `key` is
   * the same for each attempt. A failure is logged, not tried again.
   */
  answer?(reference: string, said: Said, answer: Answered, key: string): Promise<void>
  /** The person with his mail address, as the channel has verified it. Asked before he is sent a link of his own. */
  lookUp?(person: ChannelPerson): Promise<ChannelPerson>
  /** Lets go of connections. */
  end(): Promise<void>
}

export interface Incoming {
  readonly headers: IncomingHttpHeaders
  /** As it came: signatures are over bytes. */
  readonly body: Uint8Array
}

/** What a request to a channel means. `once` names this very request: one that comes again is a repetition. */
export type Received = (Wake | Said | Aside) & {
  readonly once: string
  /** What the sender wants to hear when it was taken; absent: 202 and JSON of ours. */
  readonly ack?: Ack
}

export interface Ack {
  readonly status: number
  readonly type: string
  readonly body: string
}

/**
 * This approval is to be looked at once more: told as it is now or, where the channel is read, read at once. It decides
 * nothing, for it speaks for nobody.
 */
export interface Wake {
  readonly kind: 'wake'
  /** Its id, or the channel's own name of it. */
  readonly approval?: string
  readonly reference?: string
}

/** A decision, said by a person of the channel. Whether it counts is found out by the link of the person. */
export interface Said {
  readonly kind: 'said'
  readonly approval: string
  readonly verdict: Verdict
  /** At most 500 characters. */
  readonly reason: string | null
  readonly person: ChannelPerson
  /** `shownOf` the message that the person looked at: what has changed since is not decided. */
  readonly shown: string
  /** For `reply`, of the channel's own making: where the person is. Not kept. */
  readonly at?: string
}

/** Between the channel and its person, such as a form that asks for a reason. Not more than once for each request. */
export interface Aside {
  readonly kind: 'aside'
  run(): Promise<void>
}

/** Somebody of the channel has written a code there that he was shown on the page: a way to be linked where nobody can be told in private. */
export interface Claim {
  readonly kind: 'claim'
  readonly code: string
  readonly person: ChannelPerson
}

export type Polled = (Said | Claim) & {
  /** Names what was said for ever, such as the id of an event or of a line of history. */
  readonly once: string
}

export interface ChannelPerson {
  /**
   * The channel's own name of the person, which never changes and is never given to another, with what it is unique in:
   * `slack/T0123/U0456`, `matrix/@alice:corp.example`. At most 255 characters.
   */
  readonly id: string
  /** For people to read; it proves nothing. */
  readonly name: string
  /** As the channel has verified it; absent: it does not say. */
  readonly email?: string
}

/** What came of what a person said, in words for this person alone. */
export interface Answered {
  readonly done: boolean
  readonly words: string
  /** Of the page, where he can go on. While he is not linked it holds a token that is his alone. */
  readonly link: string | null
}

/** The other side says itself when to try again. */
export class TryLater extends Error {
  /** Milliseconds. */
  readonly pause: number
  constructor(message: string, pause: number) {
    super(message)
    this.name = 'TryLater'
    this.pause = pause
  }
}
