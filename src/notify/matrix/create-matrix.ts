import { hash } from 'node:crypto'
import { type ApprovalMessage, shownOf } from '../../approvals/message.ts'
import { API_GROUP } from '../../brand.ts'
import { baseOf, type ChannelBase } from '../channel-base.ts'
import type { Channel } from '../contract.ts'
import { createCaller } from '../outgoing/caller.ts'
import { listAt, mustText, textAt } from '../outgoing/json.ts'
import { answerText, cut, plainText, subjectOf } from '../outgoing/plain-text.ts'
import { readRoom } from './read-room.ts'

export interface MatrixSettings extends ChannelBase {
  /** Of the homeserver, without a slash at its end. */
  readonly url: string
  /** Id of a room in which its user is: `!…`. */
  readonly room: string
  readonly accessToken: string
  /** PEM. */
  readonly ca?: string | undefined
  /** People decide by reactions and replies. */
  readonly decisions: boolean
}

/** In the content of what we write: which question an event asks. */
export const QUESTION = `${API_GROUP.split('.').reverse().join('.')}.question`

const HOW = [
  'To decide, react to this message with ✅ or ❌, or reply to it with "approve" or "deny" and a reason.',
  'It counts for people whose account is linked; the page says how.',
]

/** Messages in one Matrix room, by the client-server API: https://spec.matrix.org/latest/client-server-api/. */
export function createMatrix(settings: MatrixSettings): Channel {
  const { name, url, accessToken, ca } = settings
  const caller = createCaller({
    url: `${url}/_matrix/client`,
    headers: { authorization: `Bearer ${accessToken}` },
    ca,
  })
  const room = `/v3/rooms/${encodeURIComponent(settings.room)}`
  let self: Promise<string> | undefined

  function me(): Promise<string> {
    self ??= caller
      .call({ method: 'GET', path: '/v3/account/whoami' })
      .then(({ json }) => mustText(json, 'user_id'))
    self.catch(() => {
      self = undefined
    })
    return self
  }

  /** The server takes one transaction once, so that a repetition makes no second message. */
  async function send(content: object, transaction: string): Promise<string> {
    const id = hash('sha256', `${name}\n${transaction}`, 'hex').slice(0, 40)
    const path = `${room}/send/m.room.message/${id}`
    const { json } = await caller.call({ method: 'PUT', path, json: { ...content, 'm.mentions': {} } })
    return mustText(json, 'event_id')
  }

  /** What is told is not for those who only run a server that stores it: but here nothing could be encrypted. */
  async function refuseEncrypted(): Promise<void> {
    const path = `${room}/state/m.room.encryption`
    const { status } = await caller.call({ method: 'GET', path, also: [404] })
    if (status !== 404) throw new Error('the room is encrypted end to end: it takes one that is not')
  }

  const question = (message: ApprovalMessage): object => ({
    ...{ msgtype: 'm.text', body: bodyOf(message, settings.decisions) },
    [QUESTION]: { approval: message.id, shown: shownOf(message) },
  })

  /** The first message is shown as it is now. It asks nothing any more. */
  async function edit(reference: string, message: ApprovalMessage, key: string): Promise<void> {
    const body = bodyOf(message, false)
    await send(
      {
        ...{ msgtype: 'm.text', body: `* ${body}` },
        'm.new_content': { msgtype: 'm.text', body, 'm.mentions': {} },
        'm.relates_to': { rel_type: 'm.replace', event_id: reference },
      },
      `${key} edit`,
    )
  }

  const about = (reference: string): object => ({
    'm.relates_to': {
      ...{ rel_type: 'm.reference', event_id: reference },
      'm.in_reply_to': { event_id: reference },
    },
  })

  async function questionOf(reference: string, message: ApprovalMessage): Promise<string | undefined> {
    const self = await me()
    const shown = shownOf(message)
    const asks = (event: unknown): boolean =>
      textAt(event, 'sender') === self &&
      textAt(event, 'content', QUESTION, 'approval') === message.id &&
      textAt(event, 'content', QUESTION, 'shown') === shown
    const root = await caller.call({ method: 'GET', path: `${room}/event/${encodeURIComponent(reference)}` })
    if (asks(root.json)) return reference
    const path = `/v1/rooms/${encodeURIComponent(settings.room)}/relations/${encodeURIComponent(reference)}`
    const { json } = await caller.call({
      method: 'GET',
      path: `${path}/m.reference/m.room.message?limit=100`,
    })
    return textAt(listAt(json, 'chunk').find(asks), 'event_id')
  }

  const channel: Channel = {
    ...baseOf(settings),
    async create(message, key) {
      await refuseEncrypted()
      return send(message.state === 'pending' ? question(message) : notice(message), key)
    },
    async update(reference, message, key) {
      await edit(reference, message, key)
      if ((await questionOf(reference, message)) !== undefined) {
        // The same question: people are reminded of it, and what was said to it stays.
        if (message.notice !== undefined) await send({ ...reminder(message), ...about(reference) }, key)
        return
      }
      await send({ ...question(message), ...about(reference) }, key)
    },
    async close(reference, message, key) {
      await edit(reference, message, key)
      await send({ ...notice(message), ...about(reference) }, key)
    },
    end: () => caller.end(),
  }
  if (!settings.decisions) return channel
  return {
    ...channel,
    pollEvery: 5_000,
    async answer(reference, said, answer, key) {
      await send({ msgtype: 'm.notice', body: answerText(said, answer), ...about(reference) }, key)
    },
    async poll(reference, message) {
      const parts = { caller, room: settings.room, self: await me() }
      return readRoom(parts, await questionOf(reference, message), message)
    },
  }
}

function bodyOf(message: ApprovalMessage, isQuestion: boolean): string {
  return `${subjectOf(message)}\n\n${plainText(message, isQuestion ? HOW : ['It is decided on the page.'])}`
}

function reminder(message: ApprovalMessage): object {
  return { msgtype: 'm.notice', body: `${message.notice}\n${cut(subjectOf(message), 900)}\n${message.link}` }
}

/** That it is over; a notice, so that no other program answers it. */
function notice(message: ApprovalMessage): object {
  const by = message.decisions.at(-1)?.by
  const ended = message.ended === null ? '' : `: ${message.ended}`
  const line = `${subjectOf(message)}${by === undefined ? '' : ` (${by})`}${ended}`
  return { msgtype: 'm.notice', body: `${cut(line, 900)}\n${message.link}` }
}
