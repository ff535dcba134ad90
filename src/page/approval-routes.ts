import { fieldOf } from './form.ts'
import { newsOf } from './news.ts'
import { goTo, show } from './reply.ts'
import { at, type PageRoute } from './route.ts'
import { known, viewOf } from './view-of.ts'
import { approvalPage, confirmPage } from './views/approval.ts'

/** Milliseconds that a page waits to hear of a change. */
const PATIENCE = 25_000

/** One approval. */
export const approvalRoutes: readonly PageRoute[] = [
  {
    method: 'GET',
    path: at('/:id'),
    like: 'GET /v1/approvals/:id',
    reply: async (services, visit, id) => show(approvalPage(await viewOf(services, visit, id))),
  },
  {
    method: 'GET',
    path: at('/:id/approve'),
    like: 'GET /v1/approvals/:id',
    async reply(services, visit, id) {
      const view = await viewOf(services, visit, id)
      const open = view.message.state === 'pending' && view.barred === null && !view.needsSignIn
      return open ? show(confirmPage(view)) : goTo(`/approvals/${id}`)
    },
  },
  {
    method: 'GET',
    path: at('/:id/state'),
    like: 'GET /v1/approvals/:id',
    async reply({ api }, { query, gone }, id) {
      await known(api.approvals.get(id), id)
      const was = query.get('was')
      const isNews = (one: Parameters<typeof newsOf>[0]): boolean => newsOf(one, api.approvals) !== was
      const changed = isNews(await api.approvals.waitUntil(id, isNews, PATIENCE, gone))
      return { status: 200, type: 'application/json', body: JSON.stringify({ changed }) }
    },
  },
  decision('approve'),
  decision('deny'),
  {
    method: 'POST',
    path: at('/:id/cancel'),
    like: 'POST /v1/approvals/:id/cancel',
    async reply({ api }, { viewer }, id, form) {
      await api.approvals.cancel(viewer.principal, id, fieldOf(form, 'reason', 500) || null)
      return goTo(`/approvals/${id}`)
    },
  },
]

function decision(verdict: 'approve' | 'deny'): PageRoute {
  return {
    method: 'POST',
    path: at(`/:id/${verdict}`),
    like: 'POST /v1/approvals/:id/decide',
    async reply({ api }, { viewer }, id, form) {
      const reason = fieldOf(form, 'reason', 500)
      const { authenticatedAt } = viewer
      await api.approvals.decide(viewer.principal, id, {
        ...{ verdict, via: 'page' },
        reason: reason === '' ? null : reason,
        ...(authenticatedAt === null ? {} : { authenticatedAt }),
      })
      return goTo(`/approvals/${id}`)
    },
  }
}
