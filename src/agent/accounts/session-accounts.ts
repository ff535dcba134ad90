import { Refusal } from '../../errors/refusal.ts'
import { type Fetched, fetchedCredential, type UpstreamCredential } from '../credentials/credential.ts'
import { bearer } from '../credentials/token.ts'
import { EXPIRES_AT, MANAGED_BY, SESSION_ID, SESSION_LABEL, SESSIONS_NAMESPACE } from '../names.ts'
import { type ApiAnswer, type ApiClient, type MadeRequest, openApiClient } from '../upstream/api-client.ts'

/** Seconds that a token of a session lives. Kubernetes gives none for less than 600. */
const TOKEN_SECONDS = 900
/** Milliseconds after which an account that nobody renewed may be swept; longer than its last token. */
const ACCOUNT_LIFE = 30 * 60_000
const SWEEP_EVERY = 5 * 60_000
/** A gateway that invents sessions fills no cluster. */
const MOST_ACCOUNTS = 2_000
const PAGE = 500

export const ACCOUNTS_PATH = `/api/v1/namespaces/${SESSIONS_NAMESPACE}/serviceaccounts`

/** Service accounts of sessions on one upstream (upstreamIdentity serviceaccount). */
export interface SessionAccounts {
  /** Made when it is first used: the account, then a short token of it. Throws Refusal when there are too many. */
  credentialOf(sessionId: string): UpstreamCredential
  /** Its token is not shown again. The account itself goes by the gateway's call, or by the sweeper. */
  forget(sessionId: string): void
  /** Deletes accounts of ours whose time is over, whoever made them. Resolves with their number. */
  sweep(): Promise<number>
  close(): Promise<void>
}

export interface SessionAccountsOptions {
  readonly clock?: () => number
  /** Milliseconds between two sweeps; 0: only when asked. */
  readonly sweepEvery?: number
  /** Is told of each request, for who keeps the books. */
  readonly made?: (request: MadeRequest) => void
}

interface Account {
  readonly credential: UpstreamCredential
  lastUsedAt: number
}

/** `session` is the agent's own credential: it may write service accounts of that one namespace. */
export function createSessionAccounts(
  session: UpstreamCredential,
  options: SessionAccountsOptions = {},
): SessionAccounts {
  const clock = options.clock ?? Date.now
  const client = openApiClient(session, clock, options.made)
  const accounts = new Map<string, Account>()
  const every = options.sweepEvery ?? SWEEP_EVERY
  // After a crash the accounts of the last life are there: the first sweep comes soon. A failure waits for the next.
  const tick = (): void => void sweep().catch(() => {})
  const timer = every === 0 ? undefined : setInterval(tick, every).unref()
  const first = every === 0 ? undefined : setTimeout(tick, Math.min(every, 5_000)).unref()

  function credentialOf(id: string): UpstreamCredential {
    let account = accounts.get(id)
    if (account === undefined) {
      if (accounts.size >= MOST_ACCOUNTS) {
        throw new Refusal('too-many-requests', { check: 'agent-session-accounts', retryAfter: 5 })
      }
      const fetch = (): Promise<Fetched> => fetchToken(client, id, clock)
      account = {
        credential: fetchedCredential(session.target, 'service account of a session', fetch),
        lastUsedAt: 0,
      }
      accounts.set(id, account)
    }
    account.lastUsedAt = clock()
    return account.credential
  }

  async function sweep(): Promise<number> {
    const now = clock()
    for (const [id, account] of accounts) if (account.lastUsedAt < now - ACCOUNT_LIFE) accounts.delete(id)
    let swept = 0
    let next = ''
    const selector = encodeURIComponent(`${MANAGED_BY.label}=${MANAGED_BY.value}`)
    do {
      const page = next === '' ? '' : `&continue=${encodeURIComponent(next)}`
      const answer = await client.call(
        'GET',
        `${ACCOUNTS_PATH}?labelSelector=${selector}&limit=${PAGE}${page}`,
      )
      if (answer.status !== 200) throw refused('list', answer)
      const list = answer.body as ServiceAccountList
      for (const { metadata } of list.items ?? []) {
        if (!isOver(metadata, now)) continue
        // Renewed meanwhile: another version, so it stays.
        const { uid, resourceVersion } = metadata
        const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid, resourceVersion } }
        const gone = await client.call('DELETE', `${ACCOUNTS_PATH}/${metadata.name}`, { body })
        if (gone.status === 200) swept++
      }
      next = list.metadata?.continue ?? ''
    } while (next !== '')
    return swept
  }

  return {
    credentialOf,
    forget: id => void accounts.delete(id),
    sweep,
    async close() {
      clearInterval(timer)
      clearTimeout(first)
      accounts.clear()
      await client.close()
    },
  }
}

interface Metadata {
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

interface ServiceAccountList {
  readonly metadata?: { readonly continue?: string }
  readonly items?: readonly { readonly metadata: Metadata }[]
}

/** Ours, named as a session is, and past its time. One without a readable time has none left. */
function isOver({ name, labels, annotations }: Metadata, now: number): boolean {
  if (!SESSION_ID.test(name) || labels?.[SESSION_LABEL] !== name) return false
  const expiresAt = Date.parse(annotations?.[EXPIRES_AT] ?? '')
  return Number.isNaN(expiresAt) || expiresAt <= now
}

async function fetchToken(client: ApiClient, id: string, clock: () => number): Promise<Fetched> {
  await ensureAccount(client, id, clock())
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: TOKEN_SECONDS },
  }
  const asked = clock()
  const answer = await client.call('POST', `${ACCOUNTS_PATH}/${id}/token`, { body })
  const status = (answer.body as { status?: { token?: unknown; expirationTimestamp?: unknown } } | undefined)
    ?.status
  const expiresAt = Date.parse(String(status?.expirationTimestamp ?? ''))
  if (answer.status !== 201 || typeof status?.token !== 'string' || Number.isNaN(expiresAt)) {
    throw refused('get a token of', answer)
  }
  return {
    material: { authorization: bearer(status.token) },
    staleAt: asked + ((expiresAt - asked) * 2) / 3,
    expiresAt: expiresAt - 30_000,
  }
}

/** Makes the account, or moves the end of the one that is there. */
async function ensureAccount(client: ApiClient, id: string, now: number): Promise<void> {
  const annotations = { [EXPIRES_AT]: new Date(now + ACCOUNT_LIFE).toISOString() }
  const labels = { [MANAGED_BY.label]: MANAGED_BY.value, [SESSION_LABEL]: id }
  const body = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: id, labels, annotations },
    automountServiceAccountToken: false,
  }
  const made = await client.call('POST', ACCOUNTS_PATH, { body })
  if (made.status === 201) return
  if (made.status !== 409) throw refused('make', made)
  const found = await client.call('GET', `${ACCOUNTS_PATH}/${id}`)
  const metadata = (found.body as { metadata?: Metadata } | undefined)?.metadata
  if (found.status !== 200 || metadata?.labels?.[SESSION_LABEL] !== id) throw refused('take over', found)
  // With the uid, so that one that was deleted and made anew meanwhile is not touched.
  const patched = await client.call('PATCH', `${ACCOUNTS_PATH}/${id}`, {
    body: { metadata: { uid: metadata.uid, annotations } },
    contentType: 'application/merge-patch+json',
  })
  if (patched.status !== 200) throw refused('renew', patched)
}

function refused(what: string, answer: ApiAnswer): Refusal {
  return new Refusal('upstream-unreachable', {
    check: 'agent-session-account',
    detail: `the agent cannot ${what} the service account of this session: ${answer.status}`,
  })
}
