import type { Delegation } from '../../approvals/contract.ts'
import { quoted } from '../../approvals/message.ts'
import { printable } from '../../audit/sentence.ts'
import { type Html, html } from '../html.ts'
import { formField, moment, shell, type Viewer } from './shell.ts'

export interface DelegationsView {
  readonly viewer: Viewer
  readonly now: number
  readonly own: readonly Delegation[]
  readonly toMe: readonly Delegation[]
  /** Empty, too, when this person may not see those of others. */
  readonly others: readonly Delegation[]
  readonly mayDelegate: boolean
  mayEndOwn(id: string): boolean
  mayEndOthers(id: string): boolean
}

const LONGEST = 14 * 86_400_000

export function delegationsPage(view: DelegationsView): Html {
  const { viewer, own, toMe, others, mayEndOwn, mayEndOthers } = view
  return shell(
    { title: 'Delegations', viewer },
    html`<h1>Delegations</h1>
<p>Whoever is away lets another person decide in his place, for a time.</p>
<h2>In your place (${own.length})</h2>
${own.length === 0 ? html`<p>Nobody decides in your place.</p>` : listOf(own, view, mayEndOwn)}
${toMe.length > 0 && html`<h2>You stand in for others (${toMe.length})</h2>${listOf(toMe, view, mayEndOthers)}`}
${others.length > 0 && html`<h2>Of others (${others.length})</h2>${listOf(others, view, mayEndOthers)}`}
${view.mayDelegate && delegateForm(viewer, view.now)}`,
  )
}

function listOf(
  all: readonly Delegation[],
  { viewer, now }: DelegationsView,
  mayEnd: (id: string) => boolean,
): Html {
  return html`<ul class="list">${all.map(
    ({
      id,
      person,
      to,
      rules,
      reason,
      until,
    }) => html`<li><strong>${printable(to)}</strong> decides in the place of ${printable(person.username)}<br>
<span class="soft">${isAll(rules) ? 'everything' : html`rules ${printable(rules.join(', '))}`} · until ${moment(until, now)}</span>${reason !== null && html`<blockquote>${quoted(reason)}</blockquote>`}
${
  mayEnd(id) &&
  html`<form method="post" action="/approvals/delegations/${id}/end">${formField(viewer)}<button aria-label="Take it back from ${printable(to)}">Take it back</button></form>`
}</li>`,
  )}</ul>`
}

function isAll(rules: readonly string[]): boolean {
  return rules.length === 1 && rules[0] === '*'
}

function delegateForm(viewer: Viewer, now: number): Html {
  return html`<h2>Delegate</h2>
<p>The other person decides with your groups of today, where policy lets him decide at all, and nothing that one of you has asked for.</p>
<form method="post" action="/approvals/delegations">${formField(viewer)}
<label for="to">To whom: the user name, with its prefix, such as corp:dave</label>
<input id="to" name="to" maxlength="253" autocomplete="off" autocapitalize="none" spellcheck="false" required>
<label for="until">Until when, in UTC (at most 14 days; now it is ${minuteOf(now).replace('T', ' ')})</label>
<input id="until" name="until" type="datetime-local" min="${minuteOf(now)}" max="${minuteOf(now + LONGEST)}" required>
<label for="rules">For which rules: one a line, such as careful/* (empty: all)</label>
<textarea id="rules" name="rules" rows="2" maxlength="5000" autocapitalize="none" spellcheck="false"></textarea>
<label for="reason">Reason (optional)</label>
<input id="reason" name="reason" maxlength="500" autocomplete="off">
<button>Delegate</button>
</form>`
}

function minuteOf(at: number): string {
  return new Date(at).toISOString().slice(0, 16)
}
