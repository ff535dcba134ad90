import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { join } from 'node:path'
import { type Access, access } from '../api/access.ts'
import { decide } from '../api/decide.ts'
import { authFailureOf, intentOf, outcomeOf, type Recorded } from '../api/record.ts'
import { Refusal } from '../errors/refusal.ts'
import { createAttemptLimit } from '../identity/attempt-limit.ts'
import { isLinkToken } from '../notify/links/tokens.ts'
import { cookieOf, noCookie, SESSION_COOKIE } from './cookies.ts'
import { readForm, refuseForeignForm, refuseForeignOrigin } from './form.ts'
import { Html } from './html.ts'
import { goTo, type Reply, send, show } from './reply.ts'
import type { PageRoute } from './route.ts'
import { pageRoutes } from './routes.ts'
import type { PageServices } from './services.ts'
import { signInReply, signOutReply } from './sign-in.ts'
import { onwardPage, refusedPage } from './views/plain.ts'
import type { Viewer } from './views/shell.ts'
import { addressOf, isId, recordedOf, type SignedVisit, type Visit, visitOf } from './visit.ts'

export interface Page {
  /** Takes a request of HTTP/1.1 or of HTTP/2's compatibility API whose path is one of ours. Never throws. */
  handle(request: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse): void
  /** Ends what waits for a decision. */
  close(): void
}

export function isPagePath(target: string): boolean {
  return /^\/approvals(?:[/?]|$)/.test(target)
}

type Decided = Extract<Access, { kind: 'decided' }>

/**
 * The approval page. Order of a request, as in the API: who is it, is the form ours, may he, record the intent, do it,
 * record the outcome, answer.
 */
export function createPage(services: PageServices): Page {
  const { api } = services
  const closing = new AbortController()
  const attempts = createAttemptLimit(api.now)
  const assets = new Map<string, Reply>([
    ['/approvals/page.css', asset('page.css', 'text/css; charset=utf-8')],
    ['/approvals/page.js', asset('page.js', 'text/javascript; charset=utf-8')],
  ])

  async function answer(visit: Visit, found: { viewer?: Viewer }): Promise<Reply> {
    const isOpen = await signInReply(services, attempts, visit)
    if (isOpen !== undefined) return isOpen
    const signed = await signedVisit(services, visit)
    if (!('viewer' in signed)) return signed
    found.viewer = signed.viewer
    let form = new URLSearchParams()
    if (visit.method === 'POST') {
      refuseForeignOrigin(visit.headers, visit.host)
      form = await readForm(visit.request)
      refuseForeignForm(form, signed.viewer.session)
    }
    if (visit.method === 'POST' && visit.path === '/approvals/sign-out') {
      return signOutReply(services, signed)
    }
    return decided(services, signed, form)
  }

  async function run(
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ): Promise<void> {
    const recorded = recordedOf(services, request)
    const left = new AbortController()
    response.once('close', () => left.abort())
    const found: { viewer?: Viewer } = {}
    let reply: Reply
    let failure: Refusal | undefined
    try {
      const visit = visitOf(request, recorded, AbortSignal.any([left.signal, closing.signal]))
      const still = visit.method === 'GET' ? assets.get(visit.path) : undefined
      if (still !== undefined) return send(response, still, recorded.call)
      reply = await answer(visit, found)
    } catch (error) {
      failure = refusalOf(error)
      if (failure.code === 'internal') api.broke(error, recorded.call)
      reply = refused(failure, recorded, found.viewer)
    }
    try {
      await settle(services, recorded, reply, failure, left.signal.aborted)
    } catch (error) {
      const unavailable =
        error instanceof Refusal ? error : new Refusal('audit-unavailable', { cause: error })
      reply = refused(unavailable, recorded, found.viewer)
    }
    send(response, reply, recorded.call)
    // Of a form that was refused before it was read.
    request.resume()
  }

  return {
    handle(request, response) {
      run(request, response).catch(error => {
        api.broke(error, 'page')
        response.destroy()
      })
    },
    close: () => closing.abort(),
  }
}

/** Whoever comes without a session is sent to sign in; what he wanted to see is remembered. */
async function signedVisit(services: PageServices, visit: Visit): Promise<SignedVisit | Reply> {
  const { headers, method, path } = visit
  const to = targetOf(visit)
  const session = cookieOf(headers.cookie, SESSION_COOKIE)
  const isPage = method === 'GET' && !path.endsWith('/state')
  if (session === undefined) {
    if (!isPage) throw new Refusal('credential-missing', { check: 'cookie', detail: 'you are not signed in' })
    // A link on another site brings no cookie, though there may be one: one step of our own brings it.
    const site = headers['sec-fetch-site']
    if (site === 'cross-site' || site === 'same-site')
      return show(onwardPage(isLinkToken(to) ? addressOf(to) : path, 'One moment'))
    return goTo(signInAddress(to))
  }
  try {
    const { id, principal, browser } = await services.browsers.find(session)
    visit.recorded.principal = principal
    const viewer: Viewer = { principal, session, authenticatedAt: browser?.authenticatedAt ?? null }
    return { ...visit, viewer, signIn: id }
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 401 || !isPage) throw error
    return goTo(signInAddress(to), [noCookie(SESSION_COOKIE)])
  }
}

/** Paths that are no approval's. */
const OWN = ['grants', 'delegations', 'links', 'link']

function targetOf({ path, query }: Visit): string {
  const id = path.split('/')[2] ?? ''
  const token = query.get('token') ?? ''
  if (id === 'link' && isLinkToken(token)) return token
  return isId(id) && id !== 'link' ? id : ''
}

function signInAddress(to: string): string {
  return to === '' ? '/approvals/sign-in' : `/approvals/sign-in?to=${to}`
}

async function decided(services: PageServices, visit: SignedVisit, form: URLSearchParams): Promise<Reply> {
  const { api } = services
  for (const route of pageRoutes) {
    const id = route.method === visit.method ? route.path.exec(visit.path) : null
    if (id === null) continue
    await judge(services, visit, route, id[1] ?? '', form)
    return route.reply(services, visit, id[1] ?? '', form)
  }
  await api.record(intentOf(visit.recorded))
  visit.recorded.intentWritten = true
  throw new Refusal('resource-unknown', { check: 'route', detail: 'there is no such page' })
}

async function judge(
  services: PageServices,
  visit: SignedVisit,
  route: PageRoute,
  id: string,
  form: URLSearchParams,
): Promise<void> {
  const { api } = services
  const { viewer, recorded, path } = visit
  const { principal } = viewer
  const query = route.query?.(services, visit) ?? {}
  // What is decided may itself be held: an approval of a denial must not stand for an approval.
  const body = { path, form: [...form].filter(([name]) => name !== 'form') }
  const rule = typeof route.like === 'string' ? (access[route.like] as Decided) : route.like
  await decide(api, rule, { principal, params: { id }, query, body }, recorded)
  await api.record(intentOf(recorded))
  recorded.intentWritten = true
}

/** Nothing leaves before its record is durable. Whoever only looks for the way in is not recorded. */
async function settle(
  { api }: PageServices,
  recorded: Recorded,
  reply: Reply,
  failure: Refusal | undefined,
  left: boolean,
): Promise<void> {
  if (recorded.principal === undefined) {
    if (failure?.status === 401 && failure.code !== 'credential-missing') {
      await api.record(authFailureOf(recorded, failure))
    }
    return
  }
  const text = reply.body instanceof Html ? reply.body.text : reply.body
  const ended = failure !== undefined ? 'refused' : left ? 'aborted-by-caller' : 'complete'
  const intent = recorded.intentWritten === true ? undefined : api.record(intentOf(recorded))
  const bytes = Buffer.byteLength(text)
  await Promise.all([intent, api.record(outcomeOf(recorded, api.now(), reply.status, bytes, ended, failure))])
}

function refused(refusal: Refusal, { call, uri }: Recorded, viewer: Viewer | undefined): Reply {
  const id = uri.split('/')[2] ?? ''
  const back =
    viewer === undefined
      ? '/approvals/sign-in'
      : OWN.includes(id)
        ? `/approvals/${id === 'link' ? 'links' : id}`
        : isId(id)
          ? `/approvals/${id}`
          : '/approvals'
  return {
    ...show(refusedPage(refusal, call, viewer, back), refusal.status),
    ...(refusal.retryAfter === undefined ? {} : { retryAfter: refusal.retryAfter }),
  }
}

function refusalOf(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal('internal', { cause: error })
}

function asset(file: string, type: string): Reply {
  return { status: 200, type, body: readFileSync(join(import.meta.dirname, file), 'utf8'), lasting: true }
}
