import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { LoginProviders, SignIn } from '../../api/schema/identity.ts'
import { printable } from '../../audit/sentence.ts'
import type { ChosenGateway } from '../config/gateway.ts'
import { acquireLock } from '../config/lock.ts'
import { readJson, replacePrivately } from '../config/private-file.ts'
import { readSignIn } from '../config/sign-in-file.ts'
import type { Context } from '../frame/context.ts'
import { exitCodes, Failure } from '../frame/failure.ts'
import { chooseFlow } from './choose-flow.ts'
import type { SignInWishes } from './sign-in.ts'

export type Provider = LoginProviders['items'][number]

/** How long a sign-in may take, from the address being shown to the answer of the issuer. */
export const PATIENCE = 300_000
/** A browser tab is opened at most this often for one issuer, whatever asks for it. */
const TAB_EVERY = 300_000

/** What other processes on this machine see of a sign-in that is under way. Holds nothing secret. */
interface UnderWay {
  readonly url: string
  readonly tabOpenedAt: number
}

/**
 * OpenID Connect sign-in, one at a time per issuer on this machine: whoever comes second shows the same address and
 * takes over the result. So ten kubectl processes, or an editor that polls, open one browser tab.
 */
export async function signInWithOidc(
  context: Context,
  gateway: ChosenGateway,
  provider: Provider,
  wishes: SignInWishes,
  exchange: (idToken: string) => Promise<SignIn>,
): Promise<SignIn> {
  const startedAt = Date.now()
  const name = createHash('sha256').update(`${gateway.server} ${provider.issuer}`).digest('hex').slice(0, 24)
  const base = join(context.paths.state, 'issuers', name)
  const presence = `${base}.json`
  const before = readSignIn(context.paths, gateway.server, startedAt)?.token
  let shown = ''
  for (;;) {
    const lock = await acquireLock(`${base}.lock`, 500)
    if (lock !== undefined) {
      try {
        const other = readSignIn(context.paths, gateway.server, Date.now())
        if (other !== undefined && other.token !== before) return described(other)
        const { idToken } = await authenticate(context, provider, wishes, presence)
        return await exchange(idToken)
      } finally {
        lock.release()
      }
    }
    const { url } = readUnderWay(presence)
    if (url !== '' && url !== shown) {
      shown = url
      context.warn(`another sign-in is under way; finish it at:\n\n  ${printable(url)}\n`)
    }
    if (Date.now() - startedAt > PATIENCE) {
      throw new Failure({
        exitCode: exitCodes.signInFirst,
        what: 'another sign-in on this machine did not finish in time',
        next: 'try again: sallyport login',
      })
    }
  }
}

async function authenticate(
  context: Context,
  provider: Provider,
  wishes: SignInWishes,
  presence: string,
): Promise<{ idToken: string }> {
  const { discoverIssuer } = await import('./discover.ts')
  const issuer = await discoverIssuer(provider)
  const flow = chooseFlow(wishes, context.env, process.platform, issuer.hasDeviceFlow)
  const show = (url: string, more: string): void => {
    const last = readUnderWay(presence).tabOpenedAt
    const open = flow.openBrowser && Date.now() - last >= TAB_EVERY
    const tabOpenedAt = open ? Date.now() : last
    replacePrivately(presence, `${JSON.stringify({ url, tabOpenedAt } satisfies UnderWay)}\n`)
    context.warn(`sign in at:\n\n  ${printable(url)}\n${more === '' ? '' : `\n${printable(more)}\n`}`)
    if (open) void import('./open-browser.ts').then(({ openBrowser }) => openBrowser(url, context.env))
  }
  const { signInByDevice, signInByBrowser } = await import('./flows.ts')
  return flow.kind === 'device'
    ? signInByDevice(issuer, provider, show)
    : signInByBrowser(issuer, provider, show)
}

function readUnderWay(file: string): UnderWay {
  const { url, tabOpenedAt } = readJson(file) ?? {}
  return {
    url: typeof url === 'string' ? url : '',
    tabOpenedAt: typeof tabOpenedAt === 'number' ? tabOpenedAt : 0,
  }
}

function described(other: NonNullable<ReturnType<typeof readSignIn>>): SignIn {
  return {
    apiVersion: 'sallyport.dev/v1',
    kind: 'SignIn',
    token: other.token,
    expiresAt: new Date(other.expiresAt).toISOString(),
    principal: {
      issuer: other.issuer,
      subject: other.subject,
      kind: 'person',
      username: other.username,
      groups: [],
    },
  }
}
