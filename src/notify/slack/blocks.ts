import type { ApprovalMessage } from '../../approvals/message.ts'
import { shownOf } from '../../approvals/message.ts'
import { printable } from '../../audit/sentence.ts'
import { stepWords } from '../words.ts'

/** Of Block Kit. All texts are `plain_text`: nothing in them is a link, a mention or markup. */
export type Block = Readonly<Record<string, unknown>>

export const APPROVE = 'sallyport.approve'
export const DENY = 'sallyport.deny'
export const OPEN = 'sallyport.open'

const LINES = 10

/** The twelve parts of a message, and buttons while it waits. Limits are those of Block Kit's reference. */
export function blocksOf(m: ApprovalMessage): readonly Block[] {
  return [
    { type: 'header', text: plain(headline(m), 150) },
    { type: 'section', text: plain(m.sentence, 3000) },
    ...(m.risk === null ? [] : [{ type: 'section', text: plain(`Risk: ${m.risk}`, 3000) }]),
    { type: 'section', fields: fieldsOf(m) },
    ...foresightOf(m),
    ...m.decisions
      .map(one =>
        context(
          `${one.by} ${one.verdict === 'approve' ? 'approved' : 'denied'} it${one.reason === null ? '' : `: ${one.reason}`}`,
        ),
      )
      .slice(0, 20),
    ...(m.ended === null ? [] : [context(m.ended)]),
    ...(m.state === 'pending' ? [{ type: 'actions', block_id: 'decide', elements: buttonsOf(m) }] : []),
    context(`Approval ${m.id}`),
  ]
}

/** For notifications and readers of screens. */
export function textOf(m: ApprovalMessage): string {
  return escaped(`${headline(m)}: ${m.sentence}`).slice(0, 3000)
}

/** Slack: "Escaping text". */
export function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}

function headline(m: ApprovalMessage): string {
  return `${stepWords(m)} (check number ${m.check})`
}

function fieldsOf(m: ApprovalMessage): Block[] {
  const until = new Date(m.deadline).toISOString().slice(0, 16).replace('T', ' ')
  const pairs: [string, string][] = [
    ['Asked by', `${m.who.username}${m.who.email === null ? '' : ` (${m.who.email})`}, ${m.who.kind}`],
    ['Reason', m.reason ?? 'none given'],
    ['Connection', m.connection],
    ['Held by', m.rules.join(', ')],
    ['A yes opens', m.opens],
    ['Takes', m.takes === '' ? 'nobody more' : m.takes],
    ['Decided by', `${until} UTC, or it counts as denied`],
    ['Requests that wait', String(m.requests)],
  ]
  return pairs.map(([name, text]) => plain(`${name}: ${text}`, 2000))
}

function foresightOf({ foresight }: ApprovalMessage): Block[] {
  if (foresight === null) return []
  const { lines, truncated, count, note } = foresight
  const words = [
    ...(note === undefined || note === '' ? [] : [note]),
    ...(count === undefined ? [] : [`It would delete ${count} objects.`]),
    ...lines.slice(0, LINES),
    ...(truncated || lines.length > LINES ? ['…'] : []),
  ]
  if (words.length === 0) return []
  const text = words.map(printable).join('\n').slice(0, 2900)
  const pre = { type: 'rich_text_preformatted', elements: [{ type: 'text', text }] }
  return [{ type: 'rich_text', block_id: 'foresight', elements: [pre] }]
}

/** What a button is for is in its value, which comes back signed by Slack. */
export function buttonValue(m: ApprovalMessage): string {
  return `${m.id} ${shownOf(m)}${m.wantsReason ? ' reason' : ''}`
}

function buttonsOf(m: ApprovalMessage): Block[] {
  const value = buttonValue(m)
  const open = { type: 'button', action_id: OPEN, url: m.link, text: plain('Open the page', 75) }
  const deny = { type: 'button', action_id: DENY, style: 'danger', value, text: plain('Deny…', 75) }
  if (m.pageOnly) return [{ ...open, style: 'primary', text: plain('Approve on the page', 75) }, deny]
  const approve = { type: 'button', action_id: APPROVE, style: 'primary', value, text: plain('Approve', 75) }
  const confirm = {
    title: plain('Approve this?', 100),
    text: plain(`${m.sentence} · it opens ${m.opens} · check number ${m.check}`, 300),
    confirm: plain('Approve', 30),
    deny: plain('Back', 30),
  }
  return [m.wantsReason ? { ...approve, text: plain('Approve…', 75) } : { ...approve, confirm }, deny, open]
}

/** The form that asks for a reason. `metadata` comes back with it. */
export function reasonForm(
  verdict: 'approve' | 'deny',
  sentence: string,
  metadata: string,
  isRequired: boolean,
): Block {
  return {
    type: 'modal',
    callback_id: verdict === 'approve' ? APPROVE : DENY,
    private_metadata: metadata,
    title: plain(verdict === 'approve' ? 'Approve' : 'Deny', 24),
    submit: plain(verdict === 'approve' ? 'Approve' : 'Deny', 24),
    close: plain('Back', 24),
    blocks: [
      { type: 'section', text: plain(sentence === '' ? 'This request' : sentence, 3000) },
      {
        type: 'input',
        block_id: 'reason',
        optional: !isRequired,
        label: plain('Reason; who asked reads it', 2000),
        element: { type: 'plain_text_input', action_id: 'reason', multiline: true, max_length: 500 },
      },
    ],
  }
}

function context(text: string): Block {
  return { type: 'context', elements: [plain(text, 2000)] }
}

export function plain(text: string, most: number): Block {
  const cut = text.length > most ? `${text.slice(0, most - 1)}…` : text.trim() === '' ? '–' : text
  return { type: 'plain_text', text: cut, emoji: false }
}
