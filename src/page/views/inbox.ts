import type { BrokenGlass } from '../../approvals/contract.ts'
import type { ApprovalMessage } from '../../approvals/message.ts'
import { printable } from '../../audit/sentence.ts'
import { type Html, html } from '../html.ts'
import { stateWords } from './approval.ts'
import { reviewDue } from './glass.ts'
import { moment, shell, type Viewer } from './shell.ts'

export interface InboxView {
  readonly viewer: Viewer
  readonly now: number
  /** Broken, and reviewed by nobody so far. */
  readonly glass: readonly { readonly message: ApprovalMessage; readonly broken: BrokenGlass }[]
  readonly pending: readonly ApprovalMessage[]
  readonly ended: readonly ApprovalMessage[]
  /** Of those there are, how many are not shown. */
  readonly more: number
  /** Only what this person asked for is shown: he may not see what others asked for. */
  readonly onlyOwn: boolean
}

export function inboxPage({ viewer, now, glass, pending, ended, more, onlyOwn }: InboxView): Html {
  return shell(
    { title: 'Approvals', viewer },
    html`<h1>Approvals</h1>
${onlyOwn && html`<p class="soft">You see what you asked for yourself.</p>`}
${
  glass.length > 0 &&
  html`<section class="glass" aria-labelledby="glass"><h2 id="glass">Broken glass to be reviewed (${glass.length})</h2>
<ul class="list">${glass.map(
    ({ message: m, broken }) => html`<li><a href="/approvals/${m.id}">${m.sentence}</a><br>
<span class="soft">by ${printable(broken.by.username)} · ticket ${printable(broken.ticket)} · ${reviewDue(broken.reviewBy, now)}</span></li>`,
  )}</ul></section>`
}
<h2>Waiting (${pending.length})</h2>
${
  pending.length === 0
    ? html`<p>Nothing waits for a decision.</p>`
    : html`<ul class="list">${pending.map(
        m => html`<li><a href="/approvals/${m.id}">${m.sentence}</a><br>
<span class="soft">by ${moment(m.deadline, now)} · takes ${m.takes} · check number ${m.check}${m.notice !== undefined && html` · ${m.notice}`}</span></li>`,
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
