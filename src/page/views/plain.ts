import { catalogue } from '../../errors/catalogue.ts'
import type { Refusal } from '../../errors/refusal.ts'
import { type Html, html } from '../html.ts'
import { shell, type Viewer } from './shell.ts'

export interface SignInView {
  readonly providers: readonly { readonly name: string; readonly displayName?: string }[]
  /** Of an approval, or empty. */
  readonly to: string
  readonly afresh: boolean
}

export function signInPage({ providers, to, afresh }: SignInView): Html {
  const query = `?to=${encodeURIComponent(to)}${afresh ? '&afresh=1' : ''}`
  return shell(
    { title: 'Sign in' },
    html`<h1>${afresh ? 'Sign in again' : 'Sign in'}</h1>
${afresh && html`<p>What you want to do asks for a sign-in of this moment.</p>`}
${providers.map(
  one =>
    html`<p><a class="button" href="/approvals/sign-in/${one.name}${query}">Sign in with ${one.displayName ?? one.name}</a></p>`,
)}
<form method="post" action="/approvals/sign-in/code">
<input type="hidden" name="to" value="${to}">
<label for="code">One-time code of the operator</label>
<input id="code" name="code" autocomplete="one-time-code" autocapitalize="none" spellcheck="false" maxlength="200" required>
<button>Sign in with the code</button>
</form>`,
  )
}

/** Goes on by itself, as a step of our own: cookies that no other site may send come with it. */
export function onwardPage(to: string, words: string): Html {
  return shell(
    { title: words, next: to },
    html`<h1>${words}</h1><p><a href="${to}">Go on</a> if nothing happens.</p>`,
  )
}

export function signedOutPage(): Html {
  return shell(
    { title: 'Signed out' },
    html`<h1>Signed out</h1><p><a href="/approvals/sign-in">Sign in again</a></p>`,
  )
}

/** A refusal in words, and what can be done about it. */
export function refusedPage(refusal: Refusal, call: string, viewer: Viewer | undefined, back: string): Html {
  const { summary, next } = catalogue[refusal.code]
  return shell(
    { title: 'Refused', ...(viewer === undefined ? {} : { viewer }) },
    html`<h1>This was refused</h1>
<p class="warn">${refusal.detail ?? summary}</p>
<p>${refusal.detail !== undefined && html`${summary}. `}${next.replace('<request id>', call)}.</p>
<p><a href="${back}">Back</a></p>
<p class="soft">${refusal.code}${refusal.check !== undefined && `, ${refusal.check}`} · request ${call}</p>`,
  )
}
