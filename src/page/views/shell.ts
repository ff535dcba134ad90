import type { Principal } from '../../identity/principal.ts'
import { formTokenOf } from '../form.ts'
import { type Html, html, type Piece } from '../html.ts'

/** Who looks at a page; `session` is the secret of the cookie, from which the secret of the forms is made. */
export interface Viewer {
  readonly principal: Principal
  readonly session: string
  readonly authenticatedAt: number | null
}

export interface ShellOptions {
  readonly title: string
  readonly viewer?: Viewer
  /** Address that answers when what is shown has changed. */
  readonly watch?: string
  /** Goes on to this address by itself. */
  readonly next?: string
}

export function shell({ title, viewer, watch, next }: ShellOptions, content: Piece): Html {
  return html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
${next !== undefined && html`<meta http-equiv="refresh" content="0;url=${next}">`}
<title>${title} · Sallyport</title>
<link rel="stylesheet" href="/approvals/page.css">
${viewer !== undefined && html`<script src="/approvals/page.js" defer></script>`}
</head>
<body>
<a class="skip" href="#content">To the content</a>
${viewer === undefined ? html`<header><strong>Sallyport</strong></header>` : head(viewer)}
<main id="content" tabindex="-1"${watch !== undefined && html` data-watch="${watch}"`}>
${content}
<p id="news" role="status" aria-live="polite"></p>
</main>
</body>
</html>`
}

function head(viewer: Viewer): Html {
  return html`<header>
<nav aria-label="Pages"><a href="/approvals">Approvals</a> · <a href="/approvals/grants">Grants</a> · <a href="/approvals/delegations">Delegations</a> · <a href="/approvals/links">My accounts</a></nav>
<span class="soft">${viewer.principal.username}</span>
<form method="post" action="/approvals/sign-out">${formField(viewer)}<button>Sign out</button></form>
</header>`
}

export function formField(viewer: Viewer): Html {
  return html`<input type="hidden" name="form" value="${formTokenOf(viewer.session)}">`
}

/** A moment, for people and for programs, and how far away it is. */
export function moment(at: number, now: number): Html {
  const iso = new Date(at).toISOString()
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time> (${distance(at - now)})`
}

function distance(milliseconds: number): string {
  const minutes = Math.round(Math.abs(milliseconds) / 60_000)
  const words =
    minutes < 1
      ? 'less than a minute'
      : minutes < 120
        ? `${minutes} minute${minutes === 1 ? '' : 's'}`
        : `${Math.round(minutes / 60)} hours`
  return milliseconds < 0 ? `${words} ago` : `in ${words}`
}
