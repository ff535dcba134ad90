import { type Html, html } from '../html.ts'
import type { ApprovalView } from './approval.ts'
import { formField } from './shell.ts'

/** What this reader can do with an approval that waits, and nothing else. */
export function controls(view: ApprovalView): Html {
  const { message: m, viewer, barred, own, needsSignIn } = view
  if (own) return ownControls(view)
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

function ownControls({ message: m, viewer, mayCancel, mayBreakGlass }: ApprovalView): Html {
  return html`<p>You asked for this: somebody else decides.</p>
${
  mayCancel &&
  html`<form method="post" action="/approvals/${m.id}/cancel">${formField(viewer)}
<label for="reason">Why you take it back (optional)</label>
<input id="reason" name="reason" maxlength="500" autocomplete="off">
<button>Take it back</button></form>`
}
${
  mayBreakGlass &&
  html`<h2>If nobody can wait</h2>
<p>You are named to go on without an approval. Everybody is told, and another person has to look at it afterwards.</p>
<p><a class="button no" href="/approvals/${m.id}/break-glass">Break the glass…</a></p>`
}`
}
