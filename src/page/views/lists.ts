import type { Grant } from '../../approvals/contract.ts'
import type { ApprovalMessage } from '../../approvals/message.ts'
import { printable } from '../../audit/sentence.ts'
import { type Html, html } from '../html.ts'
import { stateWords } from './approval.ts'
import { formField, moment, shell, type Viewer } from './shell.ts'

export interface InboxView {
  readonly viewer: Viewer
  readonly now: number
  readonly pending: readonly ApprovalMessage[]
  readonly ended: readonly ApprovalMessage[]
  /** Of those there are, how many are not shown. */
  readonly more: number
  /** Only what this person asked for is shown: he may not see what others asked for. */
  readonly onlyOwn: boolean
}

export function inboxPage({ viewer, now, pending, ended, more, onlyOwn }: InboxView): Html {
  return shell(
    { title: 'Approvals', viewer },
    html`<h1>Approvals</h1>
${onlyOwn && html`<p class="soft">You see what you asked for yourself.</p>`}
<h2>Waiting (${pending.length})</h2>
${
  pending.length === 0
    ? html`<p>Nothing waits for a decision.</p>`
    : html`<ul class="list">${pending.map(
        m => html`<li><a href="/approvals/${m.id}">${m.sentence}</a><br>
<span class="soft">by ${moment(m.deadline, now)} · takes ${m.takes} · check number ${m.check}</span></li>`,
      )}</ul>`
}
<h2>Ended in the last hour</h2>
${
  ended.length === 0
    ? html`<p>None.</p>`
    : html`<ul class="list">${ended.map(
        m => html`<li><a href="/approvals/${m.id}">${m.sentence}</a><br>
<span class="soft">${stateWords(m)}</span></li>`,
      )}</ul>`
}
${more > 0 && html`<p>${more} more are not shown: sallyport approval list shows all.</p>`}`,
  )
}

export interface GrantsView {
  readonly viewer: Viewer
  readonly now: number
  readonly grants: readonly Grant[]
}

export function grantsPage({ viewer, now, grants }: GrantsView): Html {
  return shell(
    { title: 'My grants', viewer },
    html`<h1>My grants</h1>
${
  grants.length === 0
    ? html`<p>No approval has opened anything for you in the last hour.</p>`
    : html`<ul class="list">${grants.map(g => grant(g, viewer, now))}</ul>`
}`,
  )
}

function grant(g: Grant, viewer: Viewer, now: number): Html {
  const live = g.state === 'live' && now < g.until
  const words = live ? 'open' : g.state === 'live' ? 'over' : g.state
  return html`<li><strong>${printable(g.sentence)}</strong><br>
<span class="soft">${words} · ${g.intent === null ? 'as often as wanted' : 'once'} · until ${moment(g.until, now)} · approved by ${printable(g.approvers.join(', '))}</span>
${live && html`<form method="post" action="/approvals/grants/${g.id}/end">${formField(viewer)}<button>End it now</button></form>`}</li>`
}
