import { glassBody, reviewBody } from '../api/schema/approvals.ts'
import { fieldOf, inputOf } from './form.ts'
import { goTo, show } from './reply.ts'
import { at, type PageRoute } from './route.ts'
import { viewOf } from './view-of.ts'
import { breakGlassPage } from './views/glass.ts'

/** Going on without an approval, and the look that another person takes at it afterwards. */
export const glassRoutes: readonly PageRoute[] = [
  {
    method: 'GET',
    path: at('/:id/break-glass'),
    like: 'GET /v1/approvals/:id',
    async reply(services, visit, id) {
      const view = await viewOf(services, visit, id)
      return view.mayBreakGlass ? show(breakGlassPage(view)) : goTo(`/approvals/${id}`)
    },
  },
  {
    method: 'POST',
    path: at('/:id/break-glass'),
    like: 'POST /v1/approvals/:id/break-glass',
    async reply({ api }, { viewer }, id, form) {
      const wish = inputOf(glassBody, {
        reason: fieldOf(form, 'reason', 500),
        ticket: fieldOf(form, 'ticket', 100),
      })
      await api.approvals.breakGlass(viewer.principal, id, wish)
      return goTo(`/approvals/${id}`)
    },
  },
  {
    method: 'POST',
    path: at('/:id/review'),
    like: 'POST /v1/approvals/:id/review',
    async reply({ api }, { viewer }, id, form) {
      const judgement = inputOf(reviewBody, {
        verdict: fieldOf(form, 'verdict', 20),
        note: fieldOf(form, 'note', 500),
      })
      await api.approvals.review(viewer.principal, id, judgement)
      return goTo(`/approvals/${id}`)
    },
  },
]
