import type { Verdict } from '../../approvals/contract.ts'
import type { ApprovalMessage } from '../../approvals/message.ts'
import { baseOf, type ChannelBase } from '../channel-base.ts'
import type { Answered, Channel, Said } from '../contract.ts'
import { basicAuthorization, createCaller } from '../outgoing/caller.ts'
import { listAt, mustText, textAt } from '../outgoing/json.ts'
import { answerText, plainText, subjectOf } from '../outgoing/plain-text.ts'
import { codeOf } from '../outgoing/words.ts'
import { documentOf, textOfDocument } from './document-text.ts'
import { readIssue } from './read-issue.ts'
import { receivedWake } from './wake.ts'

export interface JiraSettings extends ChannelBase {
  /** Of the site, without a slash at its end. */
  readonly url: string
  /** Mail address of the gateway's own account. */
  readonly user: string
  readonly apiToken: string
  /** Key of the project. */
  readonly project: string
  /** Name of the type of its issues. */
  readonly issueType: string
  /** Name of the status in which an issue waits, which is that of a new one. */
  readonly waitingStatus: string
  /** Names; people decide by moving an issue there. Null: they decide on the page. */
  readonly decisions: { readonly approvedStatus: string; readonly deniedStatus: string } | null
  readonly closedStatus?: string | undefined
  /** Signs what the site sends, which only wakes. Absent: nothing is taken. */
  readonly webhookSecret?: string | undefined
  /** PEM. */
  readonly ca?: string | undefined
}

/**
 * Issues of Jira Cloud, by its REST API version 3: https://developer.atlassian.com/cloud/jira/platform/rest/v3/. Made from its
 * documentation, and tested against a stand-in of ours.
 */
export function createJira(settings: JiraSettings): Channel {
  const { url, user, apiToken, ca, waitingStatus, closedStatus, decisions, webhookSecret } = settings
  const caller = createCaller({
    url: `${url}/rest/api/3`,
    headers: { authorization: basicAuthorization(user, apiToken) },
    ca,
  })
  let self: Promise<string> | undefined

  function me(): Promise<string> {
    self ??= caller.call({ method: 'GET', path: '/myself' }).then(({ json }) => mustText(json, 'accountId'))
    self.catch(() => {
      self = undefined
    })
    return self
  }

  const how = (): string[] =>
    decisions === null
      ? ['It is decided on the page.']
      : [
          `To decide, move the issue to "${decisions.approvedStatus}" or "${decisions.deniedStatus}". Your newest comment is the reason. It counts for people whose account is linked; the page says how.`,
        ]

  const fieldsOf = (message: ApprovalMessage): object => ({ summary: subjectOf(message) })

  /** Whether one of our comments holds this text. */
  async function hasSaid(issue: string, text: string): Promise<boolean> {
    const author = await me()
    const { json } = await caller.call({
      ...{
        method: 'GET',
        path: `/issue/${encodeURIComponent(issue)}/comment?orderBy=-created&maxResults=100`,
      },
    })
    return listAt(json, 'comments').some(
      one =>
        textAt(one, 'author', 'accountId') === author &&
        textOfDocument((one as { body?: unknown }).body).includes(text),
    )
  }

  async function tell(issue: string, message: ApprovalMessage, key: string): Promise<void> {
    const path = `/issue/${encodeURIComponent(issue)}`
    const mark = `(${key}, ${codeOf(message)})`
    const isTold = await hasSaid(issue, mark)
    await caller.call({ method: 'PUT', path, json: { fields: fieldsOf(message) } })
    if (isTold) return
    const body = documentOf(`${plainText(message, how())}\n\n${mark}`, message.link)
    await caller.call({ method: 'POST', path: `${path}/comment`, json: { body } })
  }

  async function moveTo(issue: string, status: string): Promise<void> {
    const path = `/issue/${encodeURIComponent(issue)}`
    const before = await caller.call({ method: 'GET', path: `${path}?fields=status` })
    if (textAt(before.json, 'fields', 'status', 'name') === status) return
    const { json } = await caller.call({ method: 'GET', path: `${path}/transitions` })
    const found = listAt(json, 'transitions').find(one => textAt(one, 'to', 'name') === status)
    const id = textAt(found, 'id')
    if (id === undefined) throw new Error(`the issue has no transition to ${status}`)
    await caller.call({ method: 'POST', path: `${path}/transitions`, json: { transition: { id } } })
  }

  async function close(issue: string, message: ApprovalMessage, key: string): Promise<void> {
    await tell(issue, message, key)
    if (closedStatus !== undefined) await moveTo(issue, closedStatus)
  }

  const verdicts = new Map<string, Verdict>(
    decisions === null
      ? []
      : [
          [decisions.approvedStatus, 'approve'],
          [decisions.deniedStatus, 'deny'],
        ],
  )

  return {
    ...baseOf(settings),
    async create(message, key) {
      const label = `sallyport-${message.id}`
      const jql = `project = "${settings.project}" AND labels = "${label}"`
      const before = await caller.call({
        ...{ method: 'POST', path: '/search/jql' },
        json: { jql, fields: ['creator'], maxResults: 10 },
      })
      const author = await me()
      const known = listAt(before.json, 'issues').find(
        one => textAt(one, 'fields', 'creator', 'accountId') === author,
      )
      if (known !== undefined) return mustText(known, 'id')
      const { json } = await caller.call({
        ...{ method: 'POST', path: '/issue' },
        json: {
          fields: {
            ...fieldsOf(message),
            project: { key: settings.project },
            issuetype: { name: settings.issueType },
            labels: [label],
            description: documentOf(plainText(message, how()), message.link),
          },
        },
      })
      const issue = mustText(json, 'id')
      if (message.state !== 'pending') await close(issue, message, key)
      return issue
    },
    async update(issue, message, key) {
      // What was said of the step before is taken back, so that others can say it anew.
      // A reminder asks the same question: what was said to it stays.
      const isNew = message.decisions.length > 0 && !(await hasSaid(issue, `, ${codeOf(message)})`))
      if (decisions !== null && isNew) await moveTo(issue, waitingStatus)
      await tell(issue, message, key)
    },
    close,
    ...(decisions === null
      ? {}
      : {
          async answer(issue: string, said: Said, answer: Answered) {
            const path = `/issue/${encodeURIComponent(issue)}/comment`
            const body = documentOf(answerText(said, answer), answer.link)
            await caller.call({ method: 'POST', path, json: { body } })
          },
          async poll(issue: string, message: ApprovalMessage) {
            return readIssue({ caller, url, self: await me(), verdicts }, issue, message)
          },
        }),
    ...(webhookSecret === undefined
      ? {}
      : ({ receive: incoming => receivedWake(incoming, webhookSecret) } satisfies Pick<Channel, 'receive'>)),
    end: () => caller.end(),
  }
}
