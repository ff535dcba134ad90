import type { LoginProviders, SignIn } from '../../api/schema/identity.ts'
import { printable } from '../../audit/sentence.ts'
import type { ChosenGateway } from '../config/gateway.ts'
import { readSignIn } from '../config/sign-in-file.ts'
import type { Context } from '../frame/context.ts'
import { exitCodes, Failure } from '../frame/failure.ts'
import { chooseFlow } from './choose-flow.ts'
import { PATIENCE } from './patience.ts'
import type { SignInWishes } from './sign-in.ts'
import { announce, announcementFile, lockOf, readUnderWay } from './under-way.ts'

export type Provider = LoginProviders['items'][number]

/** A browser tab is opened at most this often for one issuer, whatever asks for it. */
const TAB_EVERY = 300_000

/**
 * OpenID Connect sign-in, one at a time per gateway and issuer on this machine: whoever comes second shows the same
 * address and takes over the result. So ten kubectl processes, or an editor that polls, open one browser tab.
 */
export async function signInWithOidc(
  context: Context,
  gateway: ChosenGateway,
  provider: Provider,
  wishes: SignInWishes,
  exchange: (idToken: string) => Promise<SignIn>,
): Promise<SignIn> {
  const startedAt = Date.now()
  const file = announcementFile(context.paths, gateway.server, provider.issuer)
  let shown = ''
  for (;;) {
    const lock = await lockOf(file, 500)
    if (lock !== undefined) {
      try {
        announce(file, { url: '', more: '', failure: '' })
        const other = readSignIn(context.paths, gateway.server, Date.now())
        if (other !== undefined && other.token !== wishes.before) return described(other)
        const { idToken } = await authenticate(context, provider, wishes, file)
        const answer = await exchange(idToken)
        announce(file, { unanswered: false })
        return answer
      } catch (error) {
        announce(file, { failure: error instanceof Error ? error.message : String(error) })
        throw error
      } finally {
        announce(file, { url: '', more: '' })
        lock.release()
      }
    }
    const { url, more } = readUnderWay(file)
    if (url !== '' && url !== shown) {
      shown = url
      context.warn(`another sign-in is under way; finish it at:\n\n  ${printable(url)}\n${compare(more)}`)
    }
    // In the background nobody needs a second one that only waits.
    if (wishes.background === true || Date.now() - startedAt > PATIENCE) {
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
  file: string,
): Promise<{ idToken: string }> {
  const { discoverIssuer } = await import('./discover.ts')
  const issuer = await discoverIssuer(provider)
  const flow = chooseFlow(wishes, context.env, process.platform, issuer.hasDeviceFlow)
  const show = (url: string, more: string): void => {
    const last = readUnderWay(file)
    // An editor may poll all night: a tab that was opened unasked and that nobody finished is the last of its kind.
    const mayOpen = wishes.background !== true || !last.unanswered
    const open = flow.openBrowser && mayOpen && Date.now() - last.tabOpenedAt >= TAB_EVERY
    announce(file, {
      url,
      more,
      ...(open ? { tabOpenedAt: Date.now(), unanswered: wishes.background === true } : {}),
    })
    context.warn(`sign in at:\n\n  ${printable(url)}\n${compare(more)}`)
    if (open) void import('./open-browser.ts').then(({ openBrowser }) => openBrowser(url, context.env))
  }
  const { signInByDevice, signInByBrowser } = await import('./flows.ts')
  return flow.kind === 'device'
    ? signInByDevice(issuer, provider, show)
    : signInByBrowser(issuer, provider, show)
}

function compare(more: string): string {
  return more === '' ? '' : `\n${printable(more)}\n`
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
