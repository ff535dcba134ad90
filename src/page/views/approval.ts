import type { Approval, Grant } from '../../approvals/contract.ts'
import type { Foresight } from '../../approvals/foresight.ts'
import type { ApprovalMessage } from '../../approvals/message.ts'
import { type Html, html, type Piece } from '../html.ts'
import { controls } from './controls.ts'
import { brokenGlass } from './glass.ts'
import { opened, told } from './history.ts'
import { formField, moment, shell, type Viewer } from './shell.ts'

export interface ApprovalView {
  readonly message: ApprovalMessage
  readonly approval: Approval
  readonly viewer: Viewer
  readonly now: number
  /** Why this person cannot decide, in words; null: he can. */
  readonly barred: string | null
  readonly own: boolean
  /** What who asks did in the last hour. */
  readonly recent: readonly { readonly time: number; readonly sentence: string }[]
  /** This approval asks for a sign-in that is younger than this person's. */
  readonly needsSignIn: boolean
  readonly mayCancel: boolean
  readonly mayBreakGlass: boolean
  /** Of broken glass: why this person cannot review it; null: he can, or there is nothing to review. */
  readonly reviewBarred: string | null
  /** What came of it. */
  readonly grant: Grant | undefined
  readonly mayEndGrant: boolean
  /** What is shown, in one word, to hear when it has changed; null: it changes no more. */
  readonly watch: string | null
}

/** One approval: what it is about first, then what can be done. */
export function approvalPage(view: ApprovalView): Html {
  const { message: m, viewer, now, watch } = view
  return shell(
    {
      ...{ title: m.sentence, viewer },
      ...(watch === null ? {} : { watch: `/approvals/${m.id}/state?was=${watch}` }),
    },
    html`<h1>${m.sentence}</h1>
${m.risk !== null && html`<p class="warn">${m.risk}</p>`}
${m.state !== 'pending' && m.brokenGlass !== true && html`<p class="state">${stateWords(m)}</p>`}
${brokenGlass(view)}
${facts(m, now)}
${m.foresight !== null && foreseen(m.foresight)}
${view.recent.length > 0 && html`<h2>What who asks did in the last hour</h2><ul class="list">${view.recent.map(one => html`<li>${one.sentence}<br><span class="soft">${moment(one.time, now)}</span></li>`)}</ul>`}
${told(view)}
${opened(view)}
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
<label for="reason">Reason (${m.wantsReason ? 'the rule wants one' : 'optional'}; who asked reads it)</label>
<textarea id="reason" name="reason" rows="2" maxlength="500"${m.wantsReason && html` required`}></textarea>
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
${m.brokenGlass !== true && row('It opens', m.opens)}
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

export function stateWords(m: ApprovalMessage): string {
  if (m.brokenGlass === true) return 'Glass broken: nobody approved it, and it went on.'
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
