import { delegateBody } from '../api/schema/delegations.ts'
import { Refusal } from '../errors/refusal.ts'
import { principalKey } from '../identity/principal.ts'
import { fieldOf, inputOf } from './form.ts'
import { goTo, show } from './reply.ts'
import { at, MOST, mayDo, type PageRoute } from './route.ts'
import { delegationsPage } from './views/delegations.ts'

/** Who decides in whose place while somebody is away. */
export const delegationRoutes: readonly PageRoute[] = [
  {
    method: 'GET',
    path: at('/delegations'),
    like: 'GET /v1/delegations',
    query: (services, visit) => ({
      mine: String(!mayDo(services, visit, 'delegation.list', 'delegations')),
    }),
    async reply(services, visit) {
      const { api } = services
      const { viewer } = visit
      const { principal } = viewer
      const now = api.now()
      const live = api.approvals.delegations().filter(one => now < one.until)
      const key = principalKey(principal)
      const own = live.filter(one => principalKey(one.person) === key)
      const toMe = live.filter(one => !own.includes(one) && one.to === principal.username)
      const seesAll = mayDo(services, visit, 'delegation.list', 'delegations')
      const others = seesAll ? live.filter(one => !own.includes(one) && !toMe.includes(one)) : []
      const may = (verb: string) => (id: string) => mayDo(services, visit, verb, 'delegations', id)
      return show(
        delegationsPage({
          ...{ viewer, now, own, toMe, others: others.slice(0, MOST) },
          mayDelegate:
            principal.kind === 'person' &&
            principal.startedBy === undefined &&
            may('self.approval.delegate')(''),
          mayEndOwn: may('self.approval.delegate'),
          mayEndOthers: may('delegation.end'),
        }),
      )
    },
  },
  {
    method: 'POST',
    path: at('/delegations'),
    like: 'POST /v1/delegations',
    async reply({ api }, { viewer }, _, form) {
      const rules = fieldOf(form, 'rules', 5_000)
        .split('\n')
        .map(line => line.trim())
        .filter(line => line !== '')
      const { to, seconds, reason, ...rest } = inputOf(delegateBody, {
        to: fieldOf(form, 'to', 253),
        ...(rules.length === 0 ? {} : { rules }),
        seconds: Math.floor(timeUntil(fieldOf(form, 'until', 20), api.now()) / 1000),
        reason: fieldOf(form, 'reason', 500),
      })
      const wish = { to, milliseconds: seconds * 1000, reason: reason === '' ? null : reason, ...rest }
      await api.approvals.delegate(viewer.principal, wish)
      return goTo('/approvals/delegations')
    },
  },
  {
    method: 'POST',
    path: at('/delegations/:id/end'),
    like: 'POST /v1/delegations/:id/end',
    async reply({ api }, { viewer }, id) {
      await api.approvals.endDelegation(viewer.principal, id)
      return goTo('/approvals/delegations')
    },
  },
]

const MINUTE = 60_000
const LONGEST = 14 * 24 * 60 * MINUTE

/** Milliseconds. The text is what a field of type `datetime-local` sends (HTML, 2.3.5.5), read as UTC: the page says so. */
function timeUntil(text: string, now: number): number {
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?$/.test(text) ? Date.parse(`${text}Z`) : Number.NaN
  if (at - now >= MINUTE && at - now <= LONGEST) return at - now
  const detail = Number.isNaN(at)
    ? 'until must be a day and a time, such as 2026-01-31T18:00'
    : 'until must be a minute to 14 days from now, in UTC'
  throw new Refusal('input-invalid', { check: 'until', detail })
}
