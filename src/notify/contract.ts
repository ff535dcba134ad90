import type { IncomingHttpHeaders } from 'node:http'
import type { ApprovalMessage } from '../approvals/message.ts'

/**
 * A way to tell people of approvals, and to hear from them. Whatever it sends may arrive more than once: `key` names the
 * message, the same for each attempt. A method that rejects is tried again later.
 */
export interface Channel {
  readonly name: string
  wants(message: ApprovalMessage): boolean
  /** Resolves with its own name of what it has made (a message, a ticket), of at most 500 characters. */
  create(message: ApprovalMessage, key: string): Promise<string>
  /** Somebody has decided, and others have to. */
  update(reference: string, message: ApprovalMessage, key: string): Promise<void>
  /** It is over: nothing can be decided any more. */
  close(reference: string, message: ApprovalMessage, key: string): Promise<void>
  /** What somebody sends to the gateway. Throws Refusals 400, 401 and 403. Absent: it only tells. */
  receive?(incoming: Incoming): Received
  /** Lets go of connections. */
  end(): Promise<void>
}

export interface Incoming {
  readonly headers: IncomingHttpHeaders
  /** As it came: signatures are over bytes. */
  readonly body: Uint8Array
}

/** What a channel asks for. It never decides: it speaks for nobody who has signed in here. */
export interface Received {
  /** This approval is to be told once more, as it is now. */
  readonly wake: string
  /** Names this very request: one that comes again is a repetition. */
  readonly once: string
}

/** Of a gateway's documents: which approvals a channel is told of. */
export interface ChannelScope {
  /** Globs over `policy/rule`. */
  readonly rules?: readonly string[]
  /** Globs over names. */
  readonly connections?: readonly string[]
}
