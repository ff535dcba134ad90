import type { Grant } from '../../approvals/contract.ts'
import { printable } from '../../audit/sentence.ts'
import { type Html, html } from '../html.ts'
import { endForm, grantWords } from './history.ts'
import { shell, type Viewer } from './shell.ts'

export interface GrantsView {
  readonly viewer: Viewer
  readonly now: number
  readonly own: readonly Grant[]
  /** Empty, too, when this person may not see those of others. */
  readonly others: readonly Grant[]
  mayEndOwn(id: string): boolean
  mayEndOthers(id: string): boolean
}

export function grantsPage({ viewer, now, own, others, mayEndOwn, mayEndOthers }: GrantsView): Html {
  return shell(
    { title: 'Grants', viewer },
    html`<h1>My grants</h1>
${
  own.length === 0
    ? html`<p>No approval has opened anything for you in the last hour.</p>`
    : html`<ul class="list">${own.map(g => grant(g, viewer, now, mayEndOwn))}</ul>`
}
${others.length > 0 && html`<h2>Of others (${others.length})</h2><ul class="list">${others.map(g => grant(g, viewer, now, mayEndOthers))}</ul>`}`,
  )
}

function grant(g: Grant, viewer: Viewer, now: number, mayEnd: (id: string) => boolean): Html {
  const live = g.state === 'live' && now < g.until
  return html`<li><a href="/approvals/${g.approval}">${printable(g.sentence)}</a><br>
${
  g.brokenGlass === true
    ? html`<strong>Glass broken: nobody approved it.</strong>`
    : html`<span class="soft">Approved by ${printable(g.approvers.join(', '))}.</span>`
} <span class="soft">${grantWords(g, now)}</span>
${live && mayEnd(g.id) && endForm(g.id, viewer)}</li>`
}
