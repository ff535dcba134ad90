import { hash } from 'node:crypto'
import { Refusal } from '../../errors/refusal.ts'
import type { ChannelBase } from '../channel-base.ts'
import type { Ack, Aside, Channel, ChannelPerson, Incoming, Received, Said } from '../contract.ts'
import { blocksOf, OPEN, plain, reasonForm, textOf } from './blocks.ts'
import { type Interaction, readInteraction } from './incoming.ts'
import { judgeSlackSignature } from './sign.ts'
import { createSlackApi, SlackError } from './web-api.ts'

export interface SlackSettings extends ChannelBase {
  /** Id of the conversation: `C…` or `G…`. */
  readonly conversation: string
  readonly token: string
  /** Any of them may have signed what comes in. */
  readonly signingSecrets: readonly string[]
  readonly url: string
  readonly ca?: string | undefined
}

/** Slack takes any 200 without a body for "understood". */
const ACK: Ack = { status: 200, type: 'text/plain', body: '' }
/** The message is gone, and nobody can press what is not there. */
const GONE = new Set(['message_not_found', 'cant_update_message'])
const LATE = new Set(['expired_trigger_id', 'trigger_expired', 'exchanged_trigger_id', 'trigger_exchanged'])

/** Messages with buttons in one conversation of Slack. Who presses is said by Slack's signature; whose voice that is, by a link. */
export function createSlack(settings: SlackSettings, now: () => number): Channel {
  const { name, conversation } = settings
  const api = createSlackApi(settings)

  async function rewrite(reference: string, message: Parameters<Channel['create']>[0]): Promise<void> {
    try {
      await api.call('chat.update', {
        ...{ channel: conversation, ts: reference.split('/')[1] },
        ...{ text: textOf(message), blocks: blocksOf(message) },
      })
    } catch (error) {
      if (!(error instanceof SlackError && GONE.has(error.error))) throw error
    }
  }

  async function tell(person: ChannelPerson, words: string, link: string | null): Promise<void> {
    const open = { type: 'button', action_id: OPEN, url: link, text: plain('Open the page', 75) }
    await api.call('chat.postEphemeral', {
      channel: conversation,
      user: person.id.split('/')[2],
      text: words,
      blocks: [
        { type: 'section', text: plain(words, 3000) },
        ...(link === null ? [] : [{ type: 'actions', elements: [open] }]),
      ],
    })
  }

  function heard(got: Interaction): Said | Aside {
    if (got.kind === 'nothing') return { kind: 'aside', run: async () => {} }
    // Buttons of our messages are in our conversation.
    if (got.conversation !== conversation) {
      throw new Refusal('input-invalid', {
        check: 'slack-channel',
        detail: 'it was said in another conversation than that of this channel',
      })
    }
    const { verdict, person, target } = got
    const { approval, shown, wantsReason } = target
    if (got.kind === 'press' && (verdict === 'deny' || wantsReason)) {
      const { trigger, sentence } = got
      const metadata = `${conversation} ${approval} ${shown}${wantsReason ? ' reason' : ''}`
      const view = reasonForm(verdict, sentence, metadata, verdict === 'approve')
      return {
        kind: 'aside',
        async run() {
          try {
            await api.call('views.open', { trigger_id: trigger, view })
          } catch (error) {
            if (!(error instanceof SlackError && LATE.has(error.error))) throw error
            await tell(person, 'That took too long for Slack. Nothing is decided; please press again.', null)
          }
        },
      }
    }
    const reason = got.kind === 'form' ? got.reason : null
    return { kind: 'said', approval, verdict, reason, person, shown }
  }

  return {
    name,
    ...(settings.signInWithin === undefined ? {} : { signInWithin: settings.signInWithin }),
    wants: settings.wants,
    async create(message) {
      const made = await api.call('chat.postMessage', {
        ...{ channel: conversation, text: textOf(message), blocks: blocksOf(message) },
        ...{ unfurl_links: false, unfurl_media: false, mrkdwn: false, parse: 'none' },
      })
      if (typeof made.ts !== 'string' || !/^\d{1,20}\.\d{1,10}$/.test(made.ts)) {
        throw new Error('Slack did not say what it has made')
      }
      return `${conversation}/${made.ts}`
    },
    update: (reference, message) => rewrite(reference, message),
    close: (reference, message) => rewrite(reference, message),
    receive({ headers, body }: Incoming): Received {
      judgeSlackSignature(headers, body, settings.signingSecrets, now())
      // Slack sends the same bytes again, with another time, when it has not heard of us.
      const once = hash('sha256', body, 'base64url')
      return { ...heard(readInteraction(headers, body)), once, ack: ACK }
    },
    reply: ({ person }, { words, link }) => tell(person, words, link),
    /** The mail address, where the app may read it (`users:read.email`). */
    async lookUp(person) {
      try {
        const { user } = await api.call('users.info', { user: person.id.split('/')[2] })
        const profile = (user as { profile?: { email?: unknown } } | undefined)?.profile
        return typeof profile?.email === 'string' ? { ...person, email: profile.email } : person
      } catch (error) {
        if (error instanceof SlackError && error.error === 'missing_scope') return person
        throw error
      }
    },
    end: () => api.end(),
  }
}
