import type { Principal } from '../../identity/principal.ts'
import type { ChannelPerson } from '../contract.ts'

/** That somebody of a channel is this principal, as he has confirmed himself. */
export interface ChannelLink {
  readonly id: string
  readonly channel: string
  readonly person: ChannelPerson
  /** With the groups and claims of his last sign-in. */
  readonly principal: Principal
  readonly linkedAt: number
  readonly signedInAt: number
}

/** What was begun and is not confirmed yet: by somebody in a channel, or by somebody on the page. */
export interface Invitation {
  readonly channel: string
  /** Null: nobody has written the code in the channel yet. */
  readonly person: ChannelPerson | null
  /** Who began it on the page; null: it was begun in the channel, and whoever signs in may confirm it. */
  readonly by: string | null
  /** Digest of what only one person is shown. */
  readonly secret: string
  readonly createdAt: number
  readonly expiresAt: number
}

/** Who a person of a channel is at this moment. */
export type Linked =
  | { readonly kind: 'unlinked' }
  /** His last sign-in is too long ago: nobody knows in which groups he is. */
  | { readonly kind: 'old'; readonly link: ChannelLink }
  | { readonly kind: 'linked'; readonly link: ChannelLink; readonly principal: Principal }
