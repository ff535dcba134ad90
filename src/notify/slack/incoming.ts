import type { IncomingHttpHeaders } from 'node:http'
import { Refusal } from '../../errors/refusal.ts'
import type { ChannelPerson } from '../contract.ts'
import { APPROVE, DENY, OPEN } from './blocks.ts'

type Verdict = 'approve' | 'deny'

/** What somebody did in Slack, as far as it concerns us. */
export type Interaction =
  | (Press & { readonly kind: 'press'; readonly trigger: string; readonly sentence: string })
  | (Press & { readonly kind: 'form'; readonly reason: string | null })
  /** A link was opened, a form was closed. */
  | { readonly kind: 'nothing' }

interface Press {
  readonly verdict: Verdict
  readonly person: ChannelPerson
  /** Id of the conversation. */
  readonly conversation: string
  readonly target: Target
}

/** What stands in the value of a button and in the metadata of a form. */
export interface Target {
  readonly approval: string
  readonly shown: string
  readonly wantsReason: boolean
}

/**
 * Reads the payload of an interaction (Slack: "Reference: interaction payloads"), which is form-encoded JSON. Its signature was
 * judged before. Throws `input-invalid` and `media-type-unsupported`.
 */
export function readInteraction(headers: IncomingHttpHeaders, body: Uint8Array): Interaction {
  const type = (headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded') {
    throw new Refusal('media-type-unsupported', { check: 'content-type', detail: 'Slack sends forms here' })
  }
  const payloads = new URLSearchParams(Buffer.from(body).toString()).getAll('payload')
  const payload = payloads.length === 1 ? objectOf(parse(payloads[0]!)) : undefined
  if (payload === undefined) throw invalid('payload')
  switch (payload.type) {
    case 'block_actions':
      return pressOf(payload)
    case 'view_submission':
      return formOf(payload)
    case 'view_closed':
      return { kind: 'nothing' }
    default:
      throw invalid('type')
  }
}

function pressOf(payload: Fields): Interaction {
  const actions = payload.actions
  const action = Array.isArray(actions) && actions.length === 1 ? objectOf(actions[0]) : undefined
  if (action === undefined) throw invalid('actions')
  if (action.action_id === OPEN) return { kind: 'nothing' }
  const conversation = text(objectOf(payload.channel)?.id, 'channel')
  return {
    kind: 'press',
    verdict: verdictOf(action.action_id),
    person: personOf(payload),
    conversation,
    target: targetOf(text(action.value, 'value')),
    trigger: text(payload.trigger_id, 'trigger_id'),
    sentence: sentenceOf(payload.message),
  }
}

function formOf(payload: Fields): Interaction {
  const view = objectOf(payload.view)
  if (view === undefined) throw invalid('view')
  const [conversation = '', ...rest] = text(view.private_metadata, 'private_metadata').split(' ')
  const state = objectOf(objectOf(objectOf(view.state)?.values)?.reason)
  const said = objectOf(state?.reason)?.value
  const reason = typeof said === 'string' ? said.trim().slice(0, 500) : ''
  return {
    kind: 'form',
    verdict: verdictOf(view.callback_id),
    person: personOf(payload),
    conversation,
    target: targetOf(rest.join(' ')),
    reason: reason === '' ? null : reason,
  }
}

function verdictOf(id: unknown): Verdict {
  if (id === APPROVE) return 'approve'
  if (id === DENY) return 'deny'
  throw invalid('action_id')
}

export function targetOf(value: string): Target {
  const [, approval, shown, reason] = /^([A-Za-z0-9-]{1,64}) (\d{1,4}\.\d{1,4})( reason)?$/.exec(value) ?? []
  if (approval === undefined || shown === undefined) throw invalid('value')
  return { approval, shown, wantsReason: reason !== undefined }
}

/** Names of users are theirs to change; the two ids are not (Slack: `team_id` and `id` of a user). */
function personOf(payload: Fields): ChannelPerson {
  const user = objectOf(payload.user)
  const team = user?.team_id ?? objectOf(payload.team)?.id
  const id = user?.id
  if (typeof team !== 'string' || !/^[TE][A-Z0-9]{1,30}$/.test(team)) throw invalid('team')
  if (typeof id !== 'string' || !/^[UW][A-Z0-9]{1,30}$/.test(id)) throw invalid('user')
  const name = [user?.username, user?.name].find(one => typeof one === 'string' && one !== '')
  return { id: `slack/${team}/${id}`, name: String(name ?? id).slice(0, 255) }
}

/** Our own words of the message, as Slack keeps them. */
function sentenceOf(message: unknown): string {
  const words = objectOf(message)?.text
  if (typeof words !== 'string') return ''
  return words.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&').slice(0, 3000)
}

type Fields = Readonly<Record<string, unknown>>

function objectOf(value: unknown): Fields | undefined {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Fields) : undefined
}

function text(value: unknown, what: string): string {
  if (typeof value === 'string' && value !== '' && value.length <= 3000) return value
  throw invalid(what)
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

function invalid(what: string): Refusal {
  return new Refusal('input-invalid', {
    check: `slack-${what.replace('_', '-')}`,
    detail: `${what} of the interaction is not as Slack sends it for our messages`,
  })
}
