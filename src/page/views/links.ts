import { printable } from '../../audit/sentence.ts'
import type { ChannelLink, Invitation } from '../../notify/links/contract.ts'
import { type Html, html } from '../html.ts'
import { formField, moment, shell, type Viewer } from './shell.ts'

export interface LinksView {
  readonly viewer: Viewer
  readonly now: number
  readonly links: readonly ChannelLink[]
  readonly withCodes: readonly string[]
}

export function linksPage({ viewer, now, links, withCodes }: LinksView): Html {
  return shell(
    { title: 'My accounts', viewer },
    html`<h1>My accounts in channels</h1>
<p>Whoever uses one of these accounts approves and denies in your name.</p>
${
  links.length === 0
    ? html`<p>None. In a chat, press a button under an approval: you are then shown a link.</p>`
    : html`<ul class="list">${links.map(
        one => html`<li><strong>${printable(one.person.name)}</strong> of channel ${one.channel}<br>
<span class="soft">${printable(one.person.id)} · linked ${moment(one.linkedAt, now)} · last sign-in ${moment(one.signedInAt, now)}</span>
<form method="post" action="/approvals/links/${one.id}/remove">${formField(viewer)}<button>Unlink</button></form></li>`,
      )}</ul>`
}
${
  withCodes.length > 0 &&
  html`<h2>Link an account of a tracker</h2>${withCodes.map(
    name => html`<form method="post" action="/approvals/links/code">${formField(viewer)}
<input type="hidden" name="channel" value="${name}"><button>Get a code for channel ${name}</button></form>`,
  )}`
}`,
  )
}

/** The code is worth nothing to others: only who began it can confirm what comes of it. */
export function codePage({
  viewer,
  channel,
  code,
}: {
  readonly viewer: Viewer
  readonly channel: string
  readonly code: string
}): Html {
  return shell(
    { title: 'Link an account', viewer },
    html`<h1>Link your account of channel ${channel}</h1>
<p>Within ten minutes, write this as a comment under any approval that waits in channel ${channel}, with your own account there:</p>
<pre tabindex="0" aria-label="Code">${code}</pre>
<p><a class="button" href="/approvals/link?token=${code}">Written: go on</a></p>`,
  )
}

export interface LinkView {
  readonly viewer: Viewer
  readonly token: string
  readonly invitation: Invitation
  /** This browser has signed in before it was asked to. */
  readonly needsSignIn: boolean
}

/** Both names, and what it means: somebody may have been sent here by the owner of another account. */
export function linkPage({ viewer, token, invitation, needsSignIn }: LinkView): Html {
  const { channel, person } = invitation
  if (person === null) {
    return shell(
      { title: 'Link an account', viewer },
      html`<h1>Not written yet</h1>
<p>Nobody has written the code in channel ${channel} yet, or it was not read yet: that takes up to half a minute.</p>
<p><a class="button" href="/approvals/link?token=${token}">Look again</a></p>`,
    )
  }
  return shell(
    { title: 'Link an account', viewer },
    html`<h1>Is this your account?</h1>
<dl>
<dt>Channel</dt><dd>${channel}</dd>
<dt>Account there</dt><dd><strong>${printable(person.name)}</strong> <span class="soft">${printable(person.id)}</span></dd>
<dt>You</dt><dd><strong>${viewer.principal.username}</strong>${viewer.principal.email !== undefined && html` <span class="soft">${viewer.principal.email}</span>`}</dd>
</dl>
<p class="warn">Whoever uses that account will approve and deny in your name. Go on only if it is yours and you have just pressed a button there yourself. If somebody sent you this link, close this page.</p>
${
  needsSignIn
    ? html`<p>This asks for a sign-in of this moment.</p>
<p><a class="button" href="/approvals/sign-in?to=${token}&amp;afresh=1">Sign in again</a></p>`
    : html`<form method="post" action="/approvals/link">${formField(viewer)}
<input type="hidden" name="token" value="${token}">
<button class="yes">Link it to me</button> <a class="button" href="/approvals">No</a></form>`
}`,
  )
}
