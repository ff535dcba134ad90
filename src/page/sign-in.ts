import { guarded } from '../api/guarded.ts'
import { signInOf, signOutOf } from '../api/record.ts'
import type { AttemptLimit } from '../identity/attempt-limit.ts'
import type { SignedIn } from '../identity/local/sign-ins.ts'
import {
  type FlowProvider,
  type FlowSecrets,
  flowSecretsOf,
  isSameText,
  newFlowSeed,
} from '../identity/oidc/browser-flow.ts'
import { invalidCredential } from '../identity/refuse.ts'
import { cookieOf, FLOW_COOKIE, flowCookie, noCookie, SESSION_COOKIE, sessionCookie } from './cookies.ts'
import { fieldOf, readForm, refuseForeignOrigin } from './form.ts'
import { goTo, type Reply, show } from './reply.ts'
import type { PageServices } from './services.ts'
import { onwardPage, signedOutPage, signInPage } from './views/plain.ts'
import { addressOf, isId, type SignedVisit, type Visit } from './visit.ts'

/** Seconds that a browser stays signed in. */
const SIGNED_IN = 3_600
/** Seconds to come back from the identity provider. */
const UNDER_WAY = 600

const FOREIGN = 'this sign-in was not begun in this browser, or took longer than ten minutes'

/** Pages and forms for those who are not signed in, by path behind `/approvals/`. Undefined: there is no such page. */
export async function signInReply(
  services: PageServices,
  attempts: AttemptLimit,
  visit: Visit,
): Promise<Reply | undefined> {
  const { method, path, query } = visit
  const steps = path.split('/').slice(2)
  const [first, second] = steps
  if (steps.length > 2) return undefined
  if (first === 'sign-in' && second === 'code' && method === 'POST') return byCode(services, attempts, visit)
  if (method !== 'GET') return undefined
  if (first === 'sign-in' && second === undefined) {
    const providers = services.browsers.providers()
    return show(signInPage({ providers, to: targetOf(query), afresh: query.get('afresh') === '1' }))
  }
  const provider = services.browsers.providers().find(one => one.name === second)
  if (provider === undefined) return undefined
  if (first === 'sign-in') return begin(services, visit, provider)
  return first === 'signed-in' ? comeBack(services, attempts, visit, provider) : undefined
}

/** Sends the browser to the identity provider. What it must bring back is in a cookie of this browser. */
async function begin({ browsers, api }: PageServices, visit: Visit, provider: FlowProvider): Promise<Reply> {
  const afresh = visit.query.get('afresh') === '1'
  const seed = newFlowSeed()
  const until = Math.floor(api.now() / 1000) + UNDER_WAY
  const bound = `${provider.name}.${afresh ? 1 : 0}.${targetOf(visit.query)}.${until}`
  const secrets = flowSecretsOf(seed, bound)
  const url = await browsers.flow.begin(provider, secrets, redirectUri(visit, provider), { afresh })
  return goTo(url, [flowCookie(`${seed}.${bound}`, UNDER_WAY)])
}

async function comeBack(
  services: PageServices,
  attempts: AttemptLimit,
  visit: Visit,
  provider: FlowProvider,
): Promise<Reply> {
  const { browsers, api } = services
  return guarded(attempts, visit.recorded.client, async () => {
    const { secrets, to } = flowOf(visit, provider, api.now())
    const answer = new URL(`${redirectUri(visit, provider)}?${visit.query}`)
    const idToken = await browsers.flow.finish(provider, secrets, answer)
    const signedIn = await browsers.byIdToken(provider.name, idToken, secrets.nonce, SIGNED_IN * 1000)
    return enter(services, visit, signedIn, to)
  })
}

/** What this browser has begun. The state is compared here as well, before anybody is asked anything. */
function flowOf(visit: Visit, provider: FlowProvider, now: number): { secrets: FlowSecrets; to: string } {
  const refused = invalidCredential('browser-sign-in', FOREIGN)
  const parts = (cookieOf(visit.headers.cookie, FLOW_COOKIE) ?? '').split('.')
  const [seed = '', name, , to = '', until] = parts
  if (parts.length !== 5 || seed.length !== 43 || name !== provider.name) throw refused
  if (!(now < Number(until) * 1000) || (to !== '' && !isId(to))) throw refused
  const secrets = flowSecretsOf(seed, parts.slice(1).join('.'))
  const states = visit.query.getAll('state')
  if (states.length !== 1 || !isSameText(states[0]!, secrets.state)) throw refused
  return { secrets, to }
}

async function byCode(services: PageServices, attempts: AttemptLimit, visit: Visit): Promise<Reply> {
  refuseForeignOrigin(visit.headers, visit.host)
  const form = await readForm(visit.request)
  const to = fieldOf(form, 'to', 64)
  return guarded(attempts, visit.recorded.client, async () => {
    const signedIn = await services.browsers.byCode(fieldOf(form, 'code', 200), SIGNED_IN * 1000)
    return enter(services, visit, signedIn, isId(to) ? to : '')
  })
}

/**
 * The cookie leaves only after the sign-in is in the log. A redirect would not do: the browser counts it as a step of the
 * other site that sent it here, and keeps the cookie back.
 */
async function enter(
  { api }: PageServices,
  visit: Visit,
  { token, principal }: SignedIn,
  to: string,
): Promise<Reply> {
  await api.record(signInOf(visit.recorded, principal))
  return {
    ...show(onwardPage(addressOf(to), 'Signed in')),
    cookies: [sessionCookie(token, SIGNED_IN), noCookie(FLOW_COOKIE)],
  }
}

export async function signOutReply({ api, browsers }: PageServices, visit: SignedVisit): Promise<Reply> {
  await browsers.end(visit.signIn)
  await api.record(signOutOf(visit.recorded, 0))
  return { ...show(signedOutPage()), cookies: [noCookie(SESSION_COOKIE), noCookie(FLOW_COOKIE)] }
}

/** Where to go afterwards: an approval, an account to link, or nowhere in particular. Never an address. */
function targetOf(query: URLSearchParams): string {
  const to = query.get('to') ?? ''
  return isId(to) ? to : ''
}

/** One for each provider, so that the answer of one cannot be taken for another's (RFC 9700, 4.4.2.2). */
function redirectUri(visit: Visit, provider: FlowProvider): string {
  return `https://${visit.host}/approvals/signed-in/${provider.name}`
}
