import type { ApprovalDecision, Grant } from '../../approvals/contract.ts'
import { quoted } from '../../approvals/message.ts'
import { printable } from '../../audit/sentence.ts'
import { type Html, html } from '../html.ts'
import type { ApprovalView } from './approval.ts'
import { formField, moment, type Viewer } from './shell.ts'

/** Who has decided so far, and what people were told beside that. */
export function told({ approval: { decisions, notices = [] }, now }: ApprovalView): Html {
  return html`${decisions.length > 0 && html`<h2>Decisions (${decisions.length})</h2><ul class="list">${decisions.map(one => decision(one, now))}</ul>`}
${notices.length > 0 && html`<h2>Told</h2><ul class="list">${notices.map(({ text, at }) => html`<li>${quoted(text)}<br><span class="soft">${moment(at, now)}</span></li>`)}</ul>`}`
}

function decision({ by, inPlaceOf, verdict, reason, at, via, unread }: ApprovalDecision, now: number): Html {
  return html`<li>${printable(by.username)} ${verdict === 'approve' ? 'approved' : 'denied'} it${inPlaceOf !== undefined && html` in the place of ${printable(inPlaceOf.username)}`}, ${moment(at, now)}, by ${via}${unread && html` <span class="soft">(faster than it can be read)</span>`}${reason !== null && html`<blockquote>${quoted(reason)}</blockquote>`}</li>`
}

/** What an approval has opened, and who has used it. */
export function opened({ grant, mayEndGrant, viewer, now }: ApprovalView): Html | null {
  if (grant === undefined) return null
  return html`<h2>What it has opened</h2>
<p>${grantWords(grant, now)}</p>
${mayEndGrant && endForm(grant.id, viewer)}`
}

/** How a grant stands: who may use it, until when, which request has used it, who has ended it. */
export function grantWords(g: Grant, now: number): Html {
  const who = printable(g.principal.username)
  const used =
    g.usedBy !== undefined &&
    html` Used by request ${g.usedBy}${g.endedAt !== undefined && g.state === 'used' && html`, ${moment(g.endedAt, now)}`}.`
  switch (g.state) {
    case 'used':
      return html`Used, by ${who}.${used}`
    case 'revoked':
      return html`Ended before its time${g.revokedBy !== undefined && html` by ${printable(g.revokedBy.username)}`}${g.endedAt !== undefined && html`, ${moment(g.endedAt, now)}`}.${used}`
    default:
      return html`${now < g.until ? 'Open' : 'Over'}: for ${who}, ${g.intent === null ? 'as often as wanted' : 'once'}, until ${moment(g.until, now)}.${used}`
  }
}

export function endForm(id: string, viewer: Viewer): Html {
  return html`<form method="post" action="/approvals/grants/${id}/end">${formField(viewer)}<button>End it now</button></form>`
}
