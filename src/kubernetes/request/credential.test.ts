import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { singleCredential } from './credential.ts'

const PREFIX = 'base64url.bearer.authorization.k8s.io.'

function protocols(...values: string[]): string[] {
  return values.flatMap(value => ['Sec-WebSocket-Protocol', value])
}

test('no credential, one in the header, one in the sub-protocols', () => {
  assert.deepEqual(singleCredential(['Accept', '*/*']), { kind: 'none' })
  assert.deepEqual(singleCredential(protocols('v5.channel.k8s.io')), { kind: 'none' })
  assert.deepEqual(singleCredential(['AUTHORIZATION', 'Bearer a.b.c']), {
    kind: 'bearer',
    token: 'a.b.c',
    place: 'authorization',
  })
  const encoded = PREFIX + Buffer.from('a.b.c').toString('base64url')
  for (const headers of [protocols(`v5.channel.k8s.io, ${encoded}`), protocols(encoded, 'v5.channel.k8s.io')])
    assert.deepEqual(singleCredential(headers), { kind: 'bearer', token: 'a.b.c', place: 'sub-protocol' })
})

test('a token sub-protocol that cannot be read is an error, never the absence of a credential', () => {
  for (const value of [
    PREFIX,
    `${PREFIX}YQ`,
    `${PREFIX}, v4.channel.k8s.io`,
    `${PREFIX}YQ==, v4.channel.k8s.io`,
    `${PREFIX}Y, v4.channel.k8s.io`,
    `${PREFIX}Yh, v4.channel.k8s.io`,
    `${PREFIX}_w, v4.channel.k8s.io`,
    `${PREFIX}YSBi, v4.channel.k8s.io`,
    `${PREFIX}*, v4.channel.k8s.io`,
  ])
    assert.equal(singleCredential(protocols(value)).kind, 'malformed', value)
})

test('more than one is ambiguous, also when they are equal', () => {
  const token = `${PREFIX}YQ, v5.channel.k8s.io`
  for (const headers of [
    ['Authorization', 'Bearer a', 'authorization', 'Bearer a'],
    ['Authorization', '', 'Authorization', 'Bearer a'],
    ['Authorization', 'Bearer a', ...protocols(token)],
    protocols(token, token),
    protocols(`${PREFIX}YQ, ${PREFIX.toUpperCase()}YQ`),
  ])
    assert.equal(singleCredential(headers).kind, 'ambiguous')
})

test('property: any token survives both places, and no detail repeats one', () => {
  const token = fc.stringMatching(/^[A-Za-z0-9._~+/-]{1,40}={0,2}$/)
  fc.assert(
    fc.property(token, text => {
      assert.deepEqual(singleCredential(['Authorization', `Bearer ${text}`]), {
        kind: 'bearer',
        token: text,
        place: 'authorization',
      })
      const encoded = PREFIX + Buffer.from(text).toString('base64url')
      assert.deepEqual(singleCredential(protocols(`${encoded},x`)), {
        kind: 'bearer',
        token: text,
        place: 'sub-protocol',
      })
    }),
  )
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 12 }), text => {
      const reading = singleCredential(['Authorization', text])
      if (reading.kind === 'malformed') assert.ok(!reading.detail.includes(text))
    }),
  )
})
