import type { Access, access, Judged } from '../api/access.ts'
import { recentCalls } from '../api/recent.ts'
import type { Approval } from '../approvals/contract.ts'
import { isFresh } from '../approvals/may-decide.ts'
import { messageOf } from '../approvals/message.ts'
import { Refusal } from '../errors/refusal.ts'
import { principalKey } from '../identity/principal.ts'
import { fieldOf } from './form.ts'
import { linkRoutes } from './link-routes.ts'
import { goTo, type Reply, show } from './reply.ts'
import type { PageServices } from './services.ts'
import { type ApprovalView, approvalPage, confirmPage } from './views/approval.ts'
import { grantsPage, inboxPage } from './views/lists.ts'
import { ID, type SignedVisit } from './visit.ts'

type Decided = Extract<Access, { kind: 'decided' }>

/** A page for somebody who is signed in. */
export interface PageRoute {
  readonly method: 'GET' | 'POST'
  readonly path: RegExp
  /** The route of the API that does the same: who may use it is said there, once. Or what it takes, where there is none. */
  readonly like: keyof typeof access | Decided
  query?(services: PageServices, visit: SignedVisit): Judged['query']
  reply(services: PageServices, visit: SignedVisit, id: string, form: URLSearchParams): Promise<Reply>
}

const MOST = 100
/** Milliseconds that a page waits to hear of a change. */
const PATIENCE = 25_000

function at(path: string): RegExp {
  return new RegExp(`^/approvals${path.replace(':id', `(${ID})`)}$`)
}

/** Who may see only what he asked for himself gets that. */
function ownOnly({ api }: PageServices, { viewer, recorded }: SignedVisit): boolean {
  const all = { protocol: 'admin', verb: 'approval.list', resource: 'approvals', name: '' } as const
  return api.decideAdmin(viewer.principal, all, recorded.client).effect !== 'allow'
}

export const pageRoutes: readonly PageRoute[] = [
  {
    method: 'GET',
    path: at('/?'),
    like: 'GET /v1/approvals',
    query: (services, visit) => ({ mine: String(ownOnly(services, visit)) }),
    async reply(services, visit) {
      const { api } = services
      const { viewer } = visit
      const onlyOwn = ownOnly(services, visit)
      const key = principalKey(viewer.principal)
      const all = api.approvals.list().filter(one => !onlyOwn || principalKey(one.requester) === key)
      const shown = all.slice(0, MOST).map(one => messageOf(one, ''))
      return show(
        inboxPage({
          ...{ viewer, onlyOwn },
          now: api.now(),
          pending: shown.filter(one => one.state === 'pending'),
          ended: shown.filter(one => one.state !== 'pending'),
          more: all.length - shown.length,
        }),
      )
    },
  },
  {
    method: 'GET',
    path: at('/grants'),
    like: 'GET /v1/grants',
    query: () => ({ mine: 'true' }),
    async reply({ api }, { viewer }) {
      const key = principalKey(viewer.principal)
      const grants = api.approvals.grants().filter(one => principalKey(one.principal) === key)
      return show(grantsPage({ viewer, now: api.now(), grants: grants.slice(0, MOST) }))
    },
  },
  {
    method: 'POST',
    path: at('/grants/:id/end'),
    like: 'POST /v1/grants/:id/revoke',
    async reply({ api }, { viewer }, id) {
      await api.approvals.revoke(viewer.principal, id, null)
      return goTo('/approvals/grants')
    },
  },
  ...linkRoutes,
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
      const now = await api.approvals.wait(id, PATIENCE, gone)
      const changed = `${now.state}.${now.decisions.length}` !== query.get('was')
      return { status: 200, type: 'application/json', body: JSON.stringify({ changed }) }
    },
  },
  decision('approve'),
  decision('deny'),
  {
    method: 'POST',
    path: at('/:id/cancel'),
    like: 'POST /v1/approvals/:id/cancel',
    async reply({ api }, { viewer }, id) {
      await api.approvals.cancel(viewer.principal, id, null)
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

async function viewOf(services: PageServices, visit: SignedVisit, id: string): Promise<ApprovalView> {
  const { viewer } = visit
  const { api } = services
  const approval = await known(api.approvals.get(id), id)
  await api.approvals.shown(viewer.principal, id)
  const { principal, authenticatedAt } = viewer
  const now = api.now()
  return {
    ...{ viewer, now },
    message: messageOf(approval, ''),
    recent: approval.state === 'pending' ? await recentCalls(api, approval) : [],
    barred: barredOf(services, visit, approval),
    own: principalKey(approval.requester) === principalKey(principal),
    needsSignIn: approval.requirement.page === true && !isFresh(authenticatedAt ?? undefined, now),
  }
}

async function known(found: Promise<Approval | undefined>, id: string): Promise<Approval> {
  const approval = await found
  if (approval !== undefined) return approval
  throw new Refusal('resource-unknown', { check: 'approval', detail: `there is no approval ${id}` })
}

/** For what is shown only: the same is asked again when somebody decides. */
function barredOf(
  { api }: PageServices,
  { viewer, recorded }: SignedVisit,
  approval: Approval,
): string | null {
  const { principal } = viewer
  for (const name of approval.rules) {
    const action = { protocol: 'admin', verb: 'approval.decide', resource: 'approvals', name } as const
    if (api.decideAdmin(principal, action, recorded.client).effect !== 'allow') {
      return `policy does not let you decide what rule ${name} holds`
    }
  }
  const refusal = api.approvals.barred(principal, approval)
  return refusal === undefined ? null : (refusal.detail ?? refusal.message)
}
