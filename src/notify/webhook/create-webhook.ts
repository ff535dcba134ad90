import { Agent, request } from 'undici'
import type { Foresight } from '../../approvals/foresight.ts'
import type { ApprovalMessage } from '../../approvals/message.ts'
import { API_VERSION } from '../../brand.ts'
import { Refusal } from '../../errors/refusal.ts'
import type { ChannelBase } from '../channel-base.ts'
import type { Channel, Incoming, Received } from '../contract.ts'
import { judgeSignature, SIGNATURE_HEADER, signatureOf, TIMESTAMP_HEADER } from './sign.ts'

export interface WebhookSettings extends ChannelBase {
  readonly url: string
  /** The first signs; what comes in may be signed with any of them. */
  readonly secrets: readonly string[]
  /** PEM. */
  readonly ca?: string | undefined
}

const TIMEOUT = 10_000
const LINES = 10

/** Signed JSON to a URL, for whatever understands it. Redirects are not followed; any 2xx says that it arrived. */
export function createWebhook(settings: WebhookSettings, now: () => number): Channel {
  const { name, url, secrets, ca } = settings
  const dispatcher = new Agent({
    connect: { timeout: 5_000, ...(ca === undefined ? {} : { ca }) },
    connections: 4,
  })

  async function post(
    event: 'created' | 'updated' | 'closed',
    message: ApprovalMessage,
    key: string,
  ): Promise<void> {
    const notice = { apiVersion: API_VERSION, kind: 'ApprovalNotice', id: key, event, channel: name }
    const body = Buffer.from(JSON.stringify({ ...notice, approval: shownMessage(message) }))
    const timestamp = Math.floor(now() / 1000)
    const answer = await request(url, {
      method: 'POST',
      dispatcher,
      body,
      signal: AbortSignal.timeout(TIMEOUT),
      headers: {
        'content-type': 'application/json',
        'user-agent': 'sallyport',
        [TIMESTAMP_HEADER]: String(timestamp),
        [SIGNATURE_HEADER]: signatureOf(secrets[0]!, timestamp, body),
      },
    })
    await answer.body.dump({ limit: 65_536 })
    if (answer.statusCode < 200 || answer.statusCode > 299)
      throw new Error(`it answered ${answer.statusCode}`)
  }

  return {
    name,
    wants: settings.wants,
    async create(message, key) {
      await post(message.state === 'pending' ? 'created' : 'closed', message, key)
      return message.id
    },
    update: (_, message, key) => post('updated', message, key),
    close: (_, message, key) => post('closed', message, key),
    receive: incoming => received(incoming, secrets, now()),
    end: () => dispatcher.close(),
  }
}

/** Times as RFC 3339, as in the API. */
function shownMessage(m: ApprovalMessage): object {
  return {
    ...m,
    facts: Object.fromEntries(m.facts),
    foresight: m.foresight === null ? null : firstLines(m.foresight),
    askedAt: new Date(m.askedAt).toISOString(),
    deadline: new Date(m.deadline).toISOString(),
    decisions: m.decisions.map(one => ({ ...one, at: new Date(one.at).toISOString() })),
  }
}

/** Enough to know what it is about; the page shows all that is kept. */
function firstLines(foresight: Foresight): Foresight {
  const { lines, truncated } = foresight
  return { ...foresight, lines: lines.slice(0, LINES), truncated: truncated || lines.length > LINES }
}

/**
 * A webhook may ask to be told again, and nothing else. Whoever has its secret is a machine: it cannot show that a person
 * has read and meant something.
 */
function received({ headers, body }: Incoming, secrets: readonly string[], now: number): Received {
  const once = judgeSignature(headers, body, secrets, now)
  const wish = parse(body)
  if (wish.kind !== 'ApprovalWake') {
    throw new Refusal('approver-required', {
      check: 'webhook',
      detail:
        'a webhook decides nothing: it can only ask, with kind ApprovalWake, to be told of an approval again',
    })
  }
  const { approval } = wish
  if (typeof approval !== 'string' || !/^[A-Za-z0-9-]{1,64}$/.test(approval)) {
    throw new Refusal('input-invalid', { check: 'approval', detail: 'approval must be the id of one' })
  }
  return { kind: 'wake', approval, once }
}

function parse(body: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return { ...value }
  } catch {
    // Said below.
  }
  throw new Refusal('input-invalid', { check: 'body', detail: 'the body is not a JSON object' })
}
