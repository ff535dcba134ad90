import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Refusal } from '../../errors/refusal.ts'
import type { RecordedLink, UpstreamCall } from '../contract.ts'
import { fetchDiscovery, fetchJwks } from './fetch-document.ts'
import { reviewToken } from './review-token.ts'

/** A link that answers each call from `answer`. */
function linkOf(
  answer: (call: UpstreamCall) => { status: number; body?: unknown; headers?: string[] } | Refusal,
): RecordedLink & { calls: UpstreamCall[] } {
  const calls: UpstreamCall[] = []
  return {
    recorded: true,
    name: 'test',
    connected: true,
    calls,
    dispatch(call, handler) {
      calls.push(call)
      let aborted = false
      setImmediate(() => {
        const result = answer(call)
        if (result instanceof Refusal) {
          handler.onError(result)
          return
        }
        handler.onHead(result.status, result.headers ?? [], { pause() {}, resume() {} })
        const text = typeof result.body === 'string' ? result.body : JSON.stringify(result.body ?? {})
        handler.onData(Buffer.from(text))
        if (!aborted) handler.onEnd()
      })
      return () => {
        aborted = true
      }
    },
    close: async () => {},
  }
}

const review = (status: unknown) => linkOf(() => ({ status: 201, body: { kind: 'TokenReview', status } }))
const good = {
  authenticated: true,
  user: { username: 'system:serviceaccount:ci:x', uid: 'u', groups: ['g'], extra: { k: ['v'] } },
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    return JSON.stringify(await promise)
  } catch (error) {
    return error instanceof Refusal ? error.code : String(error)
  }
}

describe('reviewToken', () => {
  test('asks as the agent, with the token in the body only', async () => {
    const link = review({ ...good, audiences: ['api'] })
    const result = await reviewToken(link, 'prod', 'secret-token', ['api'])
    assert.deepEqual(result, {
      authenticated: true,
      username: 'system:serviceaccount:ci:x',
      uid: 'u',
      groups: ['g'],
      extra: new Map([['k', ['v']]]),
      audiences: ['api'],
    })
    const [call] = link.calls
    assert.equal(call!.identity.mode, 'agent')
    assert.deepEqual(JSON.parse(Buffer.from(call!.body!).toString()).spec, {
      token: 'secret-token',
      audiences: ['api'],
    })
    const { body: _, ...rest } = call!
    assert.ok(!JSON.stringify(rest).includes('secret-token'))
  })

  test('C38: only authenticated === true with a name is authenticated', async () => {
    const bad = [
      undefined,
      null,
      {},
      { authenticated: false, user: good.user },
      { authenticated: 'true', user: good.user },
      { authenticated: 1, user: good.user },
      { user: good.user },
      { authenticated: true },
      { authenticated: true, user: {} },
      { authenticated: true, user: { username: '' } },
      { authenticated: true, user: { username: ['x'] } },
    ]
    for (const status of bad) {
      assert.equal(
        (await reviewToken(review(status), 'prod', 't')).authenticated,
        false,
        JSON.stringify(status),
      )
    }
  })

  test('a token for another audience is not authenticated, nor one whose audiences were not checked', async () => {
    for (const audiences of [['other'], [], undefined]) {
      const result = await reviewToken(review({ ...good, audiences }), 'prod', 't', ['api'])
      assert.equal(result.authenticated, false)
    }
  })

  test('no verdict is 503, never a yes and never a no', async () => {
    const links = [
      linkOf(() => ({ status: 403, body: { kind: 'Status' } })),
      linkOf(() => ({ status: 500 })),
      linkOf(() => ({ status: 200, body: 'no json' })),
      linkOf(() => ({ status: 200, body: { kind: 'Status', status: good } })),
      linkOf(() => ({ status: 200, body: 'x'.repeat(300_000) })),
      linkOf(() => new Refusal('agent-unavailable')),
    ]
    for (const link of links)
      assert.equal(await codeOf(reviewToken(link, 'prod', 't')), 'credential-unverifiable')
  })
})

describe('documents', () => {
  test('discovery with its ETag; 304 when it still holds', async () => {
    const link = linkOf(call =>
      call.headers.includes('"e1"')
        ? { status: 304, body: '', headers: ['etag', '"e1"'] }
        : { status: 200, body: '{}', headers: ['etag', '"e1"', 'content-type', 'application/json'] },
    )
    const first = await fetchDiscovery(link, 'prod', '/apis')
    assert.deepEqual([first.status, first.etag, first.mediaType], [200, '"e1"', 'application/json'])
    assert.equal((await fetchDiscovery(link, 'prod', '/apis', first.etag)).status, 304)
    assert.equal(link.calls[0]!.identity.purpose, 'discovery')
  })

  test('another status is a refusal', async () => {
    const link = linkOf(() => ({ status: 403 }))
    assert.equal(await codeOf(fetchJwks(link, 'prod')), 'upstream-answer-refused')
  })
})
