import type { ApprovalMessage } from '../../approvals/message.ts'
import { cut, plainText } from '../outgoing/plain-text.ts'
import { stepWords } from '../words.ts'

/** Programs that show mails put those together whose subjects are the same: the state is in the text. */
export function subjectOf(m: ApprovalMessage, isLater: boolean): string {
  const glass = m.brokenGlass === true ? 'GLASS BROKEN, nobody approved it: ' : ''
  const text = cut(`${glass}Approval [${m.check}] ${m.sentence}`, 200)
  // Whatever an action may hold: a header is one line.
  return `${isLater ? 'Re: ' : ''}${text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')}`
}

const HOW = ['It is decided on the page.']
const NO_ANSWER = 'An answer to this mail decides nothing.'

export function textOf(m: ApprovalMessage): string {
  return `${headline(m)}\n\n${plainText(m, HOW)}\n\n${NO_ANSWER}\n`
}

/** The same words; the only link is that of the page. Nothing is loaded from elsewhere. */
export function htmlOf(m: ApprovalMessage): string {
  return [
    `<p><strong>${escaped(headline(m))}</strong></p>`,
    `<pre style="white-space:pre-wrap">${escaped(plainText(m, HOW))}</pre>`,
    `<p><a href="${escaped(m.link)}">${m.state === 'pending' ? 'Decide on the page' : 'Open the page'}</a></p>`,
    `<p>${NO_ANSWER}</p>`,
  ].join('\n')
}

function headline(m: ApprovalMessage): string {
  return `${stepWords(m)} (check number ${m.check})`
}

function escaped(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#39;')
}
