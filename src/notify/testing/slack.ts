import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { slackSignatureOf } from '../slack/sign.ts'

/** No Slack: a server with the documented shapes of those methods of its Web API that we call. */
export interface SlackStandIn {
  readonly url: string
  readonly calls: { readonly method: string; readonly args: Record<string, string> }[]
  /** The next call of this method is answered so. */
  next(method: string, answer: { status?: number; headers?: Record<string, string>; body?: object }): void
  close(): void
}

// biome-ignore lint/suspicious/noExplicitAny: blocks are read field by field
type Json = any

const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  'chat.postMessage': ['channel', 'text', 'blocks'],
  'chat.update': ['channel', 'ts', 'text', 'blocks'],
  'chat.postEphemeral': ['channel', 'user', 'text', 'blocks'],
  'views.open': ['trigger_id', 'view'],
  'users.info': ['user'],
}

export async function startSlack(token: string): Promise<SlackStandIn> {
  const calls: SlackStandIn['calls'] = []
  const prepared = new Map<string, { status?: number; headers?: Record<string, string>; body?: object }>()
  let made = 0
  const server = createServer(async (request, response) => {
    const method = request.url!.replace(/^\/api\//, '')
    const args = Object.fromEntries(new URLSearchParams(await text(request)))
    const answer = (body: object, status = 200, headers = {}): void => {
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
      response.end(JSON.stringify(body))
    }
    if (request.headers.authorization !== `Bearer ${token}`)
      return answer({ ok: false, error: 'invalid_auth' })
    const missing = REQUIRED[method]?.find(name => args[name] === undefined)
    if (REQUIRED[method] === undefined) return answer({ ok: false, error: 'unknown_method' })
    if (missing !== undefined) return answer({ ok: false, error: 'invalid_arguments' })
    const bad = args.blocks === undefined ? undefined : problemOf(JSON.parse(args.blocks))
    if (bad !== undefined) return answer({ ok: false, error: `invalid_blocks ${bad}` })
    calls.push({ method, args })
    const next = prepared.get(method)
    if (next !== undefined) {
      prepared.delete(method)
      return answer(next.body ?? {}, next.status, next.headers)
    }
    made += 1
    const ts = `1800000000.${String(made).padStart(6, '0')}`
    if (method === 'users.info') {
      return answer({ ok: true, user: { id: args.user, profile: { email: 'bob@corp.example' } } })
    }
    answer({ ok: true, channel: args.channel, ts, message_ts: ts })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/`,
    calls,
    next: (method, answer) => void prepared.set(method, answer),
    close: () => server.close(),
  }
}

/** The limits of Block Kit's reference, as far as we use it. */
function problemOf(blocks: readonly Json[]): string | undefined {
  if (!Array.isArray(blocks) || blocks.length > 50) return 'too many'
  const isText = (value: Json, most: number): boolean =>
    value?.type === 'plain_text' && value.text.length >= 1 && value.text.length <= most
  for (const block of blocks) {
    const ok =
      {
        header: () => isText(block.text, 150),
        section: () =>
          block.fields === undefined
            ? isText(block.text, 3000)
            : block.fields.length <= 10 && block.fields.every((one: Json) => isText(one, 2000)),
        context: () => block.elements.length <= 10 && block.elements.every((one: Json) => isText(one, 3000)),
        rich_text: () => block.elements.length > 0,
        actions: () =>
          block.elements.every(
            (one: Json) =>
              isText(one.text, 75) &&
              one.action_id.length <= 255 &&
              (one.value ?? '').length <= 2000 &&
              (one.url ?? '').length <= 3000 &&
              (one.confirm === undefined ||
                (isText(one.confirm.title, 100) &&
                  isText(one.confirm.text, 300) &&
                  isText(one.confirm.confirm, 30) &&
                  isText(one.confirm.deny, 30))),
          ),
      }[block.type as 'header']?.() ?? false
    if (!ok) return JSON.stringify(block)
  }
  return undefined
}

/** Headers and bytes as Slack sends an interaction. */
export function interaction(
  payload: object,
  secret: string,
  seconds: number,
): { headers: IncomingHttpHeaders; body: Buffer } {
  const body = Buffer.from(new URLSearchParams({ payload: JSON.stringify(payload) }).toString())
  return {
    body,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': String(seconds),
      'x-slack-signature': slackSignatureOf(secret, String(seconds), body),
    },
  }
}

export interface Pressed {
  readonly action: string
  readonly value?: string
  readonly user?: object
  readonly channel?: string
  readonly text?: string
}

/** `block_actions`, as documented: reference/interaction-payloads/block_actions-payload. */
export function pressed({ action, value, user, channel = 'C0123', text: words = '' }: Pressed): object {
  return {
    type: 'block_actions',
    user: { id: 'U0BOB', username: 'bob', name: 'bob', team_id: 'T0TEAM', ...user },
    api_app_id: 'A0APP',
    container: { type: 'message', message_ts: '1800000000.000001', channel_id: channel },
    trigger_id: '13345224609.738474920.8088930838d88f008e0',
    team: { id: 'T0TEAM', domain: 'corp' },
    enterprise: null,
    is_enterprise_install: false,
    channel: { id: channel, name: 'approvals' },
    message: { type: 'message', ts: '1800000000.000001', text: words },
    actions: [
      {
        ...{ type: 'button', action_id: action, block_id: 'decide', action_ts: '1800000001.000002' },
        ...(value === undefined ? {} : { value }),
      },
    ],
  }
}

/** `view_submission`, made of the form that was opened. */
export function submitted(view: Json, reason: string | null, user: object = {}): object {
  assert.equal(view.type, 'modal')
  assert.ok(view.title.text.length <= 24 && view.private_metadata.length <= 3000)
  return {
    type: 'view_submission',
    team: { id: 'T0TEAM', domain: 'corp' },
    user: { id: 'U0BOB', username: 'bob', name: 'bob', team_id: 'T0TEAM', ...user },
    api_app_id: 'A0APP',
    view: {
      ...view,
      id: 'V0VIEW',
      state: { values: { reason: { reason: { type: 'plain_text_input', value: reason } } } },
    },
  }
}
