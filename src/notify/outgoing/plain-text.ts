import { type ApprovalMessage, quoted } from '../../approvals/message.ts'
import type { Answered, Said } from '../contract.ts'

const LINES = 10

/** One line, for lists and subjects. */
export function subjectOf(m: ApprovalMessage): string {
  const glass = m.brokenGlass === true ? 'GLASS BROKEN, nobody approved it: ' : ''
  return cut(`${glass}${STATES[m.state]} [${m.check}] ${m.sentence}`, 200)
}

const STATES: Readonly<Record<ApprovalMessage['state'], string>> = {
  pending: 'Approval wanted',
  approved: 'Approved',
  denied: 'Denied',
  expired: 'Expired',
  cancelled: 'Taken back',
}

/** Under what somebody has said that does not count, for all to read. */
export function answerText({ person }: Said, { words, link }: Answered): string {
  return `${cut(quoted(person.name).trim(), 100)}: ${words}${link === null ? '' : `\n${link}`}`
}

/**
 * All that people are told, as lines of plain text. `how` says how to decide there, and is left out once it is over.
 */
export function plainText(m: ApprovalMessage, how: readonly string[]): string {
  const lines = [
    ...(m.brokenGlass === true ? ['GLASS BROKEN: nobody approved it, and it went on.', ''] : []),
    ...(m.notice === undefined ? [] : [m.notice, '']),
    m.sentence,
    '',
    `State:       ${m.state}${m.ended === null ? '' : `: ${m.ended}`}`,
    `Asked by:    ${m.who.username} (${m.who.kind})${m.who.email === null ? '' : `, ${m.who.email}`}`,
    `Asked at:    ${time(m.askedAt)}`,
    `Connection:  ${m.connection}`,
    ...m.facts.map(([name, text]) => `${`${name}:`.padEnd(12)} ${text}`),
    ...(m.risk === null ? [] : [`Risk:        ${m.risk}`]),
    `Held by:     ${m.rules.join(', ')}`,
    `Reason:      ${m.reason === null ? 'none was given' : `"${m.reason}"`}`,
    ...(m.requests > 1 ? [`Requests:    ${m.requests} wait for it`] : []),
    `A yes opens: ${m.opens}`,
    ...(m.takes === '' ? [] : [`Takes:       ${m.takes}`]),
    ...(m.state === 'pending' ? [`Until:       ${time(m.deadline)}`] : []),
    `Check:       ${m.check} (whoever asked sees the same number)`,
    ...foresight(m),
    ...decisions(m),
    '',
    ...(m.state === 'pending' && !m.pageOnly ? how : []),
    ...(m.state === 'pending' && m.pageOnly
      ? ['It can be approved on the page only, right after a sign-in.']
      : []),
    `Page: ${m.link}`,
  ]
  return lines.join('\n')
}

function foresight({ foresight }: ApprovalMessage): string[] {
  if (foresight === null) return []
  const { lines, truncated, count, note } = foresight
  const rest = truncated || lines.length > LINES ? ['… (the page shows more)'] : []
  return [
    '',
    'What would come of it:',
    ...(note === undefined ? [] : [note]),
    ...(count === undefined ? [] : [`it reaches ${count} objects`]),
    ...lines.slice(0, LINES),
    ...rest,
  ]
}

function decisions(m: ApprovalMessage): string[] {
  if (m.decisions.length === 0) return []
  return [
    '',
    'Decided so far:',
    ...m.decisions.map(one => {
      const reason = one.reason === null ? '' : `: "${one.reason}"`
      return `${one.verdict === 'approve' ? 'yes' : 'no'} by ${one.by} at ${time(one.at)} (${one.via})${reason}`
    }),
  ]
}

function time(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`
}

export function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
}
