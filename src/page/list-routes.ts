import { ofCaller } from '../api/only-mine.ts'
import { needsReview } from '../approvals/glass/review.ts'
import { messageOf } from '../approvals/message.ts'
import { principalKey } from '../identity/principal.ts'
import { goTo, show } from './reply.ts'
import { at, MOST, mayDo, type PageRoute } from './route.ts'
import { grantsPage } from './views/grants.ts'
import { inboxPage } from './views/inbox.ts'

/** What waits, and what approvals have opened. Who may see only his own gets that. */
export const listRoutes: readonly PageRoute[] = [
  {
    method: 'GET',
    path: at('/?'),
    like: 'GET /v1/approvals',
    query: (services, visit) => ({ mine: String(!mayDo(services, visit, 'approval.list', 'approvals')) }),
    async reply(services, visit) {
      const { api } = services
      const { viewer } = visit
      const onlyOwn = !mayDo(services, visit, 'approval.list', 'approvals')
      const list = api.approvals.list()
      const all = onlyOwn ? ofCaller(list, viewer, one => one.requester) : list
      // Not among the newest only: it stays until somebody has looked at it.
      const glass = all.filter(needsReview).slice(0, MOST)
      const shown = all.filter(one => !needsReview(one)).slice(0, MOST)
      const messages = shown.map(one => messageOf(one, ''))
      return show(
        inboxPage({
          ...{ viewer, onlyOwn },
          now: api.now(),
          glass: glass.map(one => ({ message: messageOf(one, ''), broken: one.brokenGlass! })),
          pending: messages.filter(one => one.state === 'pending'),
          ended: messages.filter(one => one.state !== 'pending'),
          more: all.length - shown.length - glass.length,
        }),
      )
    },
  },
  {
    method: 'GET',
    path: at('/grants'),
    like: 'GET /v1/grants',
    query: (services, visit) => ({ mine: String(!mayDo(services, visit, 'grant.list', 'grants')) }),
    async reply(services, visit) {
      const { api } = services
      const { viewer } = visit
      const all = api.approvals.grants()
      const own = ofCaller(all, viewer, one => one.principal)
      const others = mayDo(services, visit, 'grant.list', 'grants')
        ? all.filter(one => !own.includes(one))
        : []
      const mayEnd = (verb: string) => (id: string) => mayDo(services, visit, verb, 'grants', id)
      return show(
        grantsPage({
          ...{ viewer, now: api.now() },
          ...{ own: own.slice(0, MOST), others: others.slice(0, MOST) },
          mayEndOwn: mayEnd('self.grant.revoke'),
          mayEndOthers: mayEnd('grant.revoke'),
        }),
      )
    },
  },
  {
    method: 'POST',
    path: at('/grants/:id/end'),
    like: 'POST /v1/grants/:id/revoke',
    async reply({ api }, { viewer }, id) {
      const ended = await api.approvals.revoke(viewer.principal, id, null)
      const isOwn = principalKey(ended.principal) === principalKey(viewer.principal)
      return goTo(isOwn ? '/approvals/grants' : `/approvals/${ended.approval}`)
    },
  },
]
