import type { BrokenGlass } from '../../approvals/contract.ts'
import { quoted } from '../../approvals/message.ts'
import { printable } from '../../audit/sentence.ts'
import { type Html, html } from '../html.ts'
import type { ApprovalView } from './approval.ts'
import { formField, moment, shell, type Viewer } from './shell.ts'

/** Before somebody goes on without an approval: what it is, and what comes of it. */
export function breakGlassPage({ message: m, approval, viewer, now }: ApprovalView): Html {
  const rules = approval.requirement.breakGlass ?? []
  const minutes = Math.round(Math.min(...rules.map(one => one.for)) / 60_000)
  const reviewBy = now + Math.min(...rules.map(one => one.review))
  return shell(
    { title: `Break the glass: ${m.sentence}`, viewer },
    html`<h1>Go on without an approval?</h1>
<blockquote><strong>${m.sentence}</strong></blockquote>
${m.risk !== null && html`<p class="warn">${m.risk}</p>`}
<section class="glass" aria-labelledby="glass">
<h2 id="glass">Nobody will have approved this</h2>
<ul>
<li>What waits goes on at once, and the same action on the same object passes for ${minutes} minutes.</li>
<li>It is written down under your name, ${viewer.principal.username}, before it opens anything.</li>
<li>Everybody who was asked is told.</li>
<li>Another person has to look at it by ${moment(reviewBy, now)}.</li>
</ul>
</section>
<form method="post" action="/approvals/${m.id}/break-glass">${formField(viewer)}
<label for="ticket">Ticket</label>
<input id="ticket" name="ticket" maxlength="100" autocomplete="off" required>
<label for="reason">Why nobody can wait (at least 10 characters)</label>
<textarea id="reason" name="reason" rows="3" minlength="10" maxlength="500" required></textarea>
<button class="no">Break the glass</button> <a class="button" href="/approvals/${m.id}">Back</a>
</form>`,
  )
}

/** What was broken, by whom and why, and what another person says to it. */
export function brokenGlass(view: ApprovalView): Html | null {
  const { approval, message: m, viewer, now, reviewBarred } = view
  const glass = approval.brokenGlass
  if (glass === undefined) return null
  return html`<section class="glass" aria-labelledby="glass">
<h2 id="glass">Glass broken: nobody approved this</h2>
<dl>
<dt>By</dt><dd>${printable(glass.by.username)}, ${moment(glass.at, now)}</dd>
<dt>Ticket</dt><dd>${printable(glass.ticket)}</dd>
<dt>Reason</dt><dd><blockquote>${quoted(glass.reason)}</blockquote></dd>
<dt>Review</dt><dd>${review(glass, now)}</dd>
</dl>
${
  glass.review === undefined &&
  (reviewBarred === null ? reviewForm(m.id, viewer) : html`<p>You cannot review this: ${reviewBarred}.</p>`)
}
</section>`
}

function review({ review: done, reviewBy }: BrokenGlass, now: number): Html {
  if (done === undefined) return reviewDue(reviewBy, now)
  return html`<strong>${done.verdict}</strong>, says ${printable(done.by.username)}, ${moment(done.at, now)}<blockquote>${quoted(done.note)}</blockquote>`
}

export function reviewDue(reviewBy: number, now: number): Html {
  return now >= reviewBy
    ? html`<strong>overdue</strong> since ${moment(reviewBy, now)}`
    : html`by ${moment(reviewBy, now)}`
}

function reviewForm(id: string, viewer: Viewer): Html {
  return html`<form method="post" action="/approvals/${id}/review">${formField(viewer)}
<label for="note">What you found (everybody who sees this approval reads it)</label>
<textarea id="note" name="note" rows="2" maxlength="500" required></textarea>
<button name="verdict" value="justified">It was justified</button>
<button class="no" name="verdict" value="unjustified">It was not justified</button>
</form>`
}
