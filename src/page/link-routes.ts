import { linkAccess } from '../api/access.ts'
import { ofCaller } from '../api/only-mine.ts'
import { Refusal } from '../errors/refusal.ts'
import { isLinkToken } from '../notify/links/tokens.ts'
import { fieldOf } from './form.ts'
import { goTo, show } from './reply.ts'
import type { PageRoute } from './route.ts'
import { codePage, linkPage, linksPage } from './views/links.ts'
import { ID } from './visit.ts'

/** Which accounts of chats and trackers decide in one's name: made, shown and taken away in a browser. */
export const linkRoutes: readonly PageRoute[] = [
  {
    method: 'GET',
    path: /^\/approvals\/links$/,
    like: 'GET /v1/channel-links',
    query: () => ({ mine: 'true' }),
    async reply({ api }, { viewer }) {
      const links = ofCaller(api.channels.links(), viewer, one => one.principal)
      return show(linksPage({ viewer, links, now: api.now(), withCodes: api.channels.withCodes() }))
    },
  },
  {
    method: 'POST',
    path: new RegExp(`^/approvals/links/(${ID})/remove$`),
    like: 'DELETE /v1/channel-links/:id',
    async reply({ api }, { viewer }, id) {
      await api.channels.unlink(viewer.principal, id)
      return goTo('/approvals/links')
    },
  },
  {
    method: 'POST',
    path: /^\/approvals\/links\/code$/,
    like: linkAccess,
    async reply({ api }, { viewer }, _, form) {
      const channel = fieldOf(form, 'channel', 63)
      return show(codePage({ viewer, channel, code: await api.channels.begin(channel, viewer.principal) }))
    },
  },
  {
    method: 'GET',
    path: /^\/approvals\/link$/,
    like: linkAccess,
    async reply({ api }, { viewer, query }) {
      const token = tokenOf(query.get('token') ?? '')
      const invitation = await api.channels.invitation(viewer.principal, token)
      const signedInAt = viewer.principal.authentication.issuedAt ?? 0
      return show(linkPage({ viewer, token, invitation, needsSignIn: signedInAt < invitation.createdAt }))
    },
  },
  {
    method: 'POST',
    path: /^\/approvals\/link$/,
    like: linkAccess,
    async reply({ api }, { viewer }, _, form) {
      await api.channels.confirm(viewer.principal, tokenOf(fieldOf(form, 'token', 64)))
      return goTo('/approvals/links')
    },
  },
]

function tokenOf(text: string): string {
  if (isLinkToken(text)) return text
  throw new Refusal('link-refused', { check: 'token', detail: 'this link is not complete' })
}
