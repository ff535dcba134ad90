import type { Foresight } from '../../approvals/foresight.ts'
import type { ApprovalMessage, MessageDecision } from '../../approvals/message.ts'
import { type Html, html, type Piece } from '../html.ts'
import { formField, moment, shell, type Viewer } from './shell.ts'

export interface ApprovalView {
  readonly message: ApprovalMessage
  readonly viewer: Viewer
  readonly now: number
  /** Why this person cannot decide, in words; null: he can. */
  readonly barred: string | null
  readonly own: boolean
  /** What who asks did in the last hour. */
  readonly recent: readonly { readonly time: number; readonly sentence: string }[]
  /** This approval asks for a sign-in that is younger than this person's. */
  readonly needsSignIn: boolean
}

/** One approval: what it is about first, then what can be done. */
export function approvalPage(view: ApprovalView): Html {
  const { message: m, viewer, now } = view
  const watch =
    m.state === 'pending' ? `/approvals/${m.id}/state?was=${m.state}.${m.decisions.length}` : undefined
  return shell(
    { title: m.sentence, viewer, ...(watch === undefined ? {} : { watch }) },
    html`<h1>${m.sentence}</h1>
${m.risk !== null && html`<p class="warn">${m.risk}</p>`}
${m.state !== 'pending' && html`<p class="state">${stateWords(m)}</p>`}
${facts(m, now)}
${m.foresight !== null && foreseen(m.foresight)}
${view.recent.length > 0 && html`<h2>What who asks did in the last hour</h2><ul class="list">${view.recent.map(one => html`<li>${one.sentence}<br><span class="soft">${moment(one.time, now)}</span></li>`)}</ul>`}
${m.decisions.length > 0 && html`<h2>Decisions</h2><ul class="list">${m.decisions.map(one => decision(one, now))}</ul>`}
${m.state === 'pending' && html`<h2>Your decision</h2>${controls(view)}`}`,
  )
}

/** The sentence again, before it is done. */
export function confirmPage({ message: m, viewer, now }: ApprovalView): Html {
  return shell(
    { title: `Approve: ${m.sentence}`, viewer },
    html`<h1>Approve this?</h1>
<blockquote><strong>${m.sentence}</strong></blockquote>
${m.risk !== null && html`<p class="warn">${m.risk}</p>`}
<p>It opens ${m.opens}. Check number: <strong>${m.check}</strong>, the same as in the terminal of who asks.</p>
<form method="post" action="/approvals/${m.id}/approve">${formField(viewer)}
<label for="reason">Reason (optional; who asked reads it)</label>
<textarea id="reason" name="reason" rows="2" maxlength="500"></textarea>
<button class="yes">Approve</button> <a class="button" href="/approvals/${m.id}">Back</a>
</form>
<p class="soft">To be decided by ${moment(m.deadline, now)}.</p>`,
  )
}

function facts(m: ApprovalMessage, now: number): Html {
  return html`<dl>
${row('Asked by', html`${m.who.username}${m.who.email !== null && html` (${m.who.email})`}${m.who.kind !== 'person' && html`, a ${m.who.kind}`}`)}
${row('Reason', m.reason === null ? html`<span class="soft">none given</span>` : html`<blockquote>${m.reason}</blockquote>`)}
${row('Connection', m.connection)}
${m.facts.map(([name, text]) => row(name, text))}
${row('Requests', `${m.requests} wait${m.requests === 1 ? 's' : ''} for it`)}
${row('Held by', m.rules.join(', '))}
${row('It opens', m.opens)}
${m.takes !== '' && row('It takes', m.takes)}
${row('Asked', moment(m.askedAt, now))}
${m.state === 'pending' && row('Denied by itself', moment(m.deadline, now))}
${row('Check number', html`<strong>${m.check}</strong> <span class="soft">also in the terminal of who asks</span>`)}
${row('Approval', m.id)}
</dl>`
}

/** Lines of a difference are long: they scroll, also by keyboard. */
function foreseen({ lines, truncated, count, note }: Foresight): Html {
  return html`<h2>What would come of it</h2>
${note !== undefined && note !== '' && html`<p>${note}</p>`}
${count !== undefined && html`<p>It would delete ${count} objects.</p>`}
${lines.length > 0 && html`<pre tabindex="0" aria-label="Difference">${lines.map(line => html`${line}\n`)}${truncated && '…'}</pre>`}`
}

function row(name: string, value: Piece): Html {
  return html`<dt>${name}</dt><dd>${value}</dd>`
}

function decision({ by, verdict, reason, at, via }: MessageDecision, now: number): Html {
  return html`<li>${by} ${verdict === 'approve' ? 'approved' : 'denied'} it, ${moment(at, now)}, by ${via}${reason !== null && html`<blockquote>${reason}</blockquote>`}</li>`
}

function controls({ message: m, viewer, barred, own, needsSignIn }: ApprovalView): Html {
  if (own) {
    return html`<p>You asked for this: somebody else decides.</p>
<form method="post" action="/approvals/${m.id}/cancel">${formField(viewer)}<button>Take it back</button></form>`
  }
  if (barred !== null) return html`<p>You cannot decide this: ${barred}.</p>`
  return html`${
    needsSignIn
      ? html`<p class="warn">This is approved only right after a sign-in.</p>
<p><a class="button" href="/approvals/sign-in?to=${m.id}&amp;afresh=1">Sign in again to approve</a></p>`
      : html`<p><a class="button yes" href="/approvals/${m.id}/approve">Approve…</a></p>`
  }
<form method="post" action="/approvals/${m.id}/deny">${formField(viewer)}
<label for="reason">Reason for a denial (optional; who asked reads it)</label>
<textarea id="reason" name="reason" rows="2" maxlength="500"></textarea>
<button class="no">Deny</button>
</form>`
}

export function stateWords(m: ApprovalMessage): string {
  switch (m.state) {
    case 'pending':
      return 'waits for a decision'
    case 'approved':
      return 'Approved. Nothing more can be decided here.'
    case 'denied':
      return `Denied${m.ended === null ? '' : `: ${m.ended}`}`
    default:
      return `${m.state === 'expired' ? 'Expired' : 'Cancelled'}${m.ended === null ? '' : `: ${m.ended}`}`
  }
}
