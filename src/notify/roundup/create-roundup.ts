import { type ApprovalMessage, shownOf } from '../../approvals/message.ts'
import { baseOf, type ChannelBase } from '../channel-base.ts'
import type { Channel, Polled } from '../contract.ts'
import { basicAuthorization, createCaller } from '../outgoing/caller.ts'
import { denialsFirst } from '../outgoing/denials-first.ts'
import { at, listAt, mustText, textAt } from '../outgoing/json.ts'
import { answerText, cut, plainText, subjectOf } from '../outgoing/plain-text.ts'
import { codeOf } from '../outgoing/words.ts'
import { type RoundupMessage, saidIn } from './said-in.ts'

export interface RoundupSettings extends ChannelBase {
  /** Of the tracker, without a slash at its end. */
  readonly url: string
  readonly user: string
  readonly password: string
  /** PEM. */
  readonly ca?: string | undefined
  /** Name of the priority of its issues; absent: the tracker's default. */
  readonly priority?: string | undefined
  /** Name of the status that an issue gets when it is over; absent: none is set. */
  readonly closedStatus?: string | undefined
  /** People decide by messages. */
  readonly decisions: boolean
}

/** The newest messages of an issue that are looked at in one reading. */
const READ = 50

/**
 * Issues of a Roundup tracker, by its REST API: https://www.roundup-tracker.org/docs/rest.html. Changes carry the ETag of what
 * was read, as the tracker demands.
 */
export function createRoundup(settings: RoundupSettings): Channel {
  const { url, user, password, ca } = settings
  const origin = new URL(url).origin
  const caller = createCaller({
    url: `${url}/rest/data`,
    headers: {
      authorization: basicAuthorization(user, password),
      // The tracker wants to see that no form of another site sends this.
      ...{ 'x-requested-with': 'sallyport', origin, referer: `${url}/` },
    },
    ca,
  })
  let self: Promise<string> | undefined
  /** Messages that said nothing, by issue: a message that is changed later counts as little. */
  const read = new Map<string, Set<string>>()

  function me(): Promise<string> {
    self ??= caller
      .call({ method: 'GET', path: `/user?username=${encodeURIComponent(user)}&@fields=username` })
      .then(({ json }) => {
        const found = listAt(json, 'data', 'collection').find(one => textAt(one, 'username') === user)
        return mustText(found, 'id')
      })
    self.catch(() => {
      self = undefined
    })
    return self
  }

  async function say(content: string): Promise<string> {
    const author = await me()
    const { json } = await caller.call({ method: 'POST', path: '/msg', json: { content, author } })
    return mustText(json, 'data', 'id')
  }

  /** Each message names its step, so that none is told twice. */
  async function tell(issue: string, message: ApprovalMessage, key: string, more: object): Promise<void> {
    const path = `/issue/${issue}`
    const { json, header } = await caller.call({ method: 'GET', path: `${path}?@verbose=0` })
    const known = listAt(json, 'data', 'attributes', 'messages').filter(one => typeof one === 'string')
    const mark = `(${key})`
    const own = await Promise.all(known.slice(-READ).map(one => messageAt(one)))
    const isTold = own.some(one => one.content.endsWith(mark))
    const messages = isTold ? known : [...known, await say(`${textOf(message)}\n\n${mark}`)]
    const etag = header('etag')
    if (etag === undefined) throw new Error('its answer has no ETag')
    const change = { title: titleOf(message), messages, ...more }
    await caller.call({ method: 'PUT', path, json: change, headers: { 'if-match': etag } })
  }

  async function messageAt(id: string): Promise<RoundupMessage> {
    const path = `/msg/${encodeURIComponent(id)}?@protected=true&@verbose=3`
    const { json } = await caller.call({ method: 'GET', path })
    const found = at(json, 'data', 'attributes')
    return {
      id,
      creator: mustText(found, 'creator', 'id'),
      creatorName: textAt(found, 'creator', 'username') ?? '',
      actor: mustText(found, 'actor', 'id'),
      creation: mustText(found, 'creation'),
      activity: mustText(found, 'activity'),
      summary: textAt(found, 'summary') ?? '',
      content: textAt(found, 'content') ?? '',
    }
  }

  const textOf = (message: ApprovalMessage): string => {
    const code = codeOf(message)
    return plainText(message, [
      settings.decisions
        ? `To decide, add a message that begins with "approve ${code}" or "deny ${code}", and a reason on the same line. It counts for people whose account is linked; the page says how.`
        : 'It is decided on the page.',
    ])
  }

  const channel: Channel = {
    ...baseOf(settings),
    async create(message, key) {
      const found = await caller.call({
        method: 'GET',
        path: `/issue?title=${encodeURIComponent(message.id)}&@fields=title,creator&@verbose=0`,
      })
      const self = await me()
      const before = listAt(found.json, 'data', 'collection').find(
        one => textAt(one, 'creator') === self && textAt(one, 'title')?.endsWith(`(${message.id})`),
      )
      const known = textAt(before, 'id')
      if (known !== undefined) return known
      const content = `${textOf(message)}\n\n(${key})`
      const { priority } = settings
      const { json } = await caller.call({
        ...{ method: 'POST', path: '/issue' },
        json: {
          ...{ title: titleOf(message), messages: [await say(content)] },
          ...(priority === undefined ? {} : { priority }),
        },
      })
      const issue = mustText(json, 'data', 'id')
      if (message.state !== 'pending') await tell(issue, message, key, closing())
      return issue
    },
    update: (issue, message, key) => tell(issue, message, key, {}),
    async close(issue, message, key) {
      await tell(issue, message, key, closing())
      read.delete(issue)
    },
    end: () => caller.end(),
  }
  if (!settings.decisions) return channel
  return {
    ...channel,
    async answer(issue, said, answer, key) {
      const path = `/issue/${issue}`
      const { json, header } = await caller.call({ method: 'GET', path: `${path}?@verbose=0` })
      const known = listAt(json, 'data', 'attributes', 'messages')
      const etag = header('etag')
      if (etag === undefined) throw new Error('its answer has no ETag')
      const messages = [...known, await say(`${answerText(said, answer)}\n\n(${key})`)]
      await caller.call({ method: 'PUT', path, json: { messages }, headers: { 'if-match': etag } })
    },
    async poll(issue, message) {
      const { json } = await caller.call({ method: 'GET', path: `/issue/${issue}?@verbose=0` })
      const self = await me()
      const seen = read.get(issue) ?? new Set()
      read.set(issue, seen)
      const found: Polled[] = []
      for (const id of listAt(json, 'data', 'attributes', 'messages').slice(-READ)) {
        if (typeof id !== 'string' || seen.has(id)) continue
        const one = await messageAt(id)
        const said = one.creator === self ? null : saidIn(one, url, message, shownOf(message))
        if (said === null) seen.add(id)
        else found.push(said)
      }
      return denialsFirst(found)
    },
  }

  function closing(): object {
    const { closedStatus } = settings
    return closedStatus === undefined ? {} : { status: closedStatus }
  }
}

function titleOf(message: ApprovalMessage): string {
  return `${cut(subjectOf(message), 180)} (${message.id})`
}
