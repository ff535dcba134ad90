import { access } from '../../api/access.ts'
import { decide } from '../../api/decide.ts'
import { authFailureOf, intentOf, outcomeOf, type Recorded } from '../../api/record.ts'
import type { ApiServices } from '../../api/services.ts'
import type { Approval } from '../../approvals/contract.ts'
import type { NewEntry } from '../../audit/entry.ts'
import { Refusal } from '../../errors/refusal.ts'
import { type Principal, principalKey } from '../../identity/principal.ts'
import type { Answered, Channel, Said } from '../../notify/contract.ts'
import type { Sender } from '../../notify/hear.ts'
import type { Links } from '../../notify/links/open-links.ts'

export interface ChannelDecisionParts {
  readonly api: ApiServices
  readonly links: Pick<Links, 'find' | 'invite'>
  /** URL of the gateway, without a slash at its end. */
  base(): string
}

/** Milliseconds: as long as a sign-in of the CLI is good. */
const SIGN_IN_WITHIN = 43_200_000

const ROUTE = access['POST /v1/approvals/:id/decide'] as Extract<(typeof access)[string], { kind: 'decided' }>

/**
 * What a person of a channel says becomes a decision by the same steps as one that comes by the API: who is it, may he, record
 * the intent, decide, record the outcome. Who he is says the link that he has confirmed himself. Throws Refusals of 500 and
 * above only: then nothing is decided.
 */
export function channelDecisions({ api, links, base }: ChannelDecisionParts) {
  async function run(channel: Channel, said: Said, sender: Sender): Promise<Answered> {
    const recorded = recordedOf(api, channel, sender)
    const page = `${base()}/approvals/${said.approval}`
    let principal: Principal
    try {
      const found = await links.find(channel.name, said.person, channel.signInWithin ?? SIGN_IN_WITHIN)
      if (found.kind !== 'linked') {
        await api.record(notCounted(recorded, channel, said, found.kind))
        if (found.kind === 'old') {
          return no(
            'Your last sign-in is too long ago. Sign in on the approval page, then decide there or here.',
            page,
          )
        }
        return await unlinked(channel, said)
      }
      principal = found.principal
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal.status !== 401) throw refusal
      await api.record(authFailureOf(recorded, refusal))
      return no(`${refusal.detail ?? refusal.message}.`, null)
    }
    recorded.principal = principal
    return decided(channel, said, principal, recorded, page)
  }

  async function unlinked(channel: Channel, { person }: Said): Promise<Answered> {
    if (channel.reply === undefined) {
      return no(
        'Sallyport does not know who this account is. Sign in on the page, link it there, and decide again.',
        `${base()}/approvals/links`,
      )
    }
    const known = (await channel.lookUp?.(person).catch(unknownPerson)) ?? person
    const token = await links.invite(channel.name, known)
    return no(
      'Sallyport does not know yet who you are. Sign in once by this link, which is for you alone and good for ten minutes; then decide again.',
      `${base()}/approvals/link?token=${token}`,
    )
  }

  async function decided(
    channel: Channel,
    said: Said,
    principal: Principal,
    recorded: Recorded,
    page: string,
  ): Promise<Answered> {
    const { approval: id, verdict, reason, shown, person } = said
    let failure: Refusal | undefined
    let approval: Approval | undefined
    try {
      const body = { channel: channel.name, verdict, reason: reason ?? '' }
      // An address of the channel's servers says nothing of the person's: rules on addresses do not hold for it.
      const judged = { ...recorded, client: { ...recorded.client, address: '' } }
      try {
        await decide(api, ROUTE, { principal, params: { id }, query: {}, body }, judged)
      } finally {
        Object.assign(recorded, { ...judged, client: recorded.client })
      }
      await api.record(intentOf(recorded))
      recorded.intentWritten = true
      approval = await api.approvals.decide(principal, id, {
        ...{ verdict, reason, shown, via: viaOf(channel), account: person.id },
      })
    } catch (error) {
      failure = refusalOf(error)
    }
    const intent = recorded.intentWritten === true ? undefined : api.record(intentOf(recorded))
    const ended = failure === undefined ? 'complete' : 'refused'
    const status = failure?.status ?? 200
    const outcome = api.record(outcomeOf(recorded, api.now(), status, 0, ended, failure))
    await Promise.all([intent, outcome])
    if (approval !== undefined) return { done: true, words: doneWords(approval, verdict), link: null }
    if (failure!.status >= 500) throw failure!
    return refusedWords(failure!, await api.approvals.get(id), said, principal, page)
  }

  return run
}

export function viaOf({ name }: Pick<Channel, 'name'>): string {
  return `channel/${name}`
}

/** Who says the same twice hears the same twice; who comes late hears how it ended. */
function refusedWords(
  refusal: Refusal,
  approval: Approval | undefined,
  { verdict }: Said,
  principal: Principal,
  page: string,
): Answered {
  const key = principalKey(principal)
  const before = approval?.decisions.find(one => principalKey(one.by) === key)
  if (approval !== undefined && before?.verdict === verdict) {
    return { done: true, words: doneWords(approval, verdict), link: null }
  }
  const place = refusal.code === 'page-required' ? ' Open the page and sign in there.' : ''
  const words =
    refusal.code === 'page-required'
      ? 'This is approved on the approval page only, right after a sign-in'
      : (refusal.detail ?? refusal.message)
  return no(`Not done: ${words}.${place}`, page)
}

function doneWords(approval: Approval, verdict: Said['verdict']): string {
  const yours = verdict === 'approve' ? 'You approved this' : 'You denied this'
  switch (approval.state) {
    case 'pending':
      return `${yours}; it takes others as well.`
    case 'approved':
    case 'denied':
      return `${yours}. It is ${approval.state}.`
    default:
      return `${yours}. It is ${approval.state}${approval.closedBecause === undefined ? '' : `: ${approval.closedBecause}`}.`
  }
}

/** Without the address there would be one lock less: it is tried again. */
function unknownPerson(cause: unknown): never {
  throw new Refusal('state-unavailable', {
    check: 'channel',
    detail: 'the channel does not say who that is',
    cause,
  })
}

function no(words: string, link: string | null): Answered {
  return { done: false, words, link }
}

function recordedOf(api: ApiServices, { name }: Channel, sender: Sender): Recorded {
  return {
    call: sender?.call ?? api.newCallId(),
    client: sender?.client ?? { address: '', port: 0, userAgent: '' },
    method: sender === null ? 'READ' : 'POST',
    uri: `/channels/${name}`,
    startedAt: api.now(),
  }
}

/** Somebody pressed a button whom nobody can tell from others. */
function notCounted(x: Recorded, channel: Channel, said: Said, why: 'unlinked' | 'old'): NewEntry {
  const { approval, verdict, person } = said
  return {
    ...{ call: x.call, kind: 'admin.request', phase: 'state', session: null, effect: 'deny' },
    policyDigest: null,
    head: {
      client: x.client,
      request: { method: x.method, uri: x.uri },
      facts: {
        ...{ channel: channel.name, approval, said: verdict, account: person.id, accountName: person.name },
        notCounted: why,
      },
    },
  }
}

function refusalOf(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal('internal', { cause: error })
}
