import type { ApprovalMessage } from '../approvals/message.ts'

/** What all kinds of channels have. */
export interface ChannelBase {
  readonly name: string
  readonly signInWithin?: number
  wants(message: ApprovalMessage): boolean
}

export function baseOf({ name, wants, signInWithin }: ChannelBase): ChannelBase {
  return { name, wants, ...(signInWithin === undefined ? {} : { signInWithin }) }
}
