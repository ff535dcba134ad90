import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { OpenAuditLog } from '../log/contract.ts'
import { openAuditLog } from '../open.ts'
import type { AuditIndex, AuditRow } from '../search/contract.ts'
import { body, callId, frame, intent, maskedBody, outcome, recordCall, scratch } from '../testing/calls.ts'
import { type IndexOptions, openAuditIndex } from './open-index.ts'

const ORIGIN = 'sallyport.example/log'
const names = (rows: readonly AuditRow[]) => rows.map(row => row.head.action?.name ?? row.kind)

/** What every engine of the search index must do. `place` gives options for a new, empty one. */
export function indexContract(engine: string, place: () => IndexOptions): void {
  async function opened(
    t: { after(clean: () => unknown): unknown },
    existing?: { readonly dataDir: string; readonly placed: IndexOptions },
  ): Promise<{
    log: OpenAuditLog
    index: AuditIndex
    dataDir: string
    placed: IndexOptions
    close: () => Promise<void>
  }> {
    let remove = () => {}
    const dataDir = existing?.dataDir ?? scratch({ after: clean => (remove = clean) })
    const placed = existing?.placed ?? place()
    const log = await openAuditLog({ dataDir, origin: ORIGIN, checkpointInterval: 20 })
    const index = openAuditIndex(log, { restartAfter: 20, ...placed })
    const close = async () => {
      await index.close()
      await log.close()
    }
    t.after(async () => {
      await close()
      remove()
    })
    return { log, index, dataDir, placed, close }
  }

  describe(`search: ${engine}`, () => {
    test('finds calls by who, what, where, decision, status, time and text; newest first; page by page', async t => {
      const { log, index } = await opened(t)
      await recordCall(log, 1, { name: 'one', user: 'alice' })
      await recordCall(log, 2, { name: 'two', user: 'bob', namespace: 'shop', effect: 'deny', code: 403 })
      await recordCall(log, 3, { name: 'three', namespace: 'kube-system', session: 's-two', verb: 'delete' })
      await recordCall(log, 4, { name: 'four', response: body('{"image":"registry.example/web-shop:1.7"}') })
      await log.append(intent(5, { name: 'five' }))
      await index.caughtUp(log.size)
      const search = async (query: object) =>
        names((await index.search({ limit: 50, kind: 'k8s.request', ...query })).items)
      assert.deepEqual(await search({}), ['five', 'four', 'three', 'two', 'one'])
      assert.deepEqual(await search({ principal: 'corp:bob' }), ['two'])
      assert.deepEqual(await search({ principal: '["https://idp.example","sub-bob"]' }), ['two'])
      assert.deepEqual(await search({ namespace: 'kube-system', verb: 'delete' }), ['three'])
      assert.deepEqual(await search({ effect: 'deny' }), ['two'])
      assert.deepEqual(await search({ code: 403 }), ['two'])
      assert.deepEqual(await search({ session: 's-two', connection: 'prod', resource: 'pods' }), ['three'])
      assert.deepEqual(await search({ name: 'one' }), ['one'])
      assert.deepEqual(await search({ rule: 'base/read', group: '' }), [
        'five',
        'four',
        'three',
        'two',
        'one',
      ])
      assert.deepEqual(await search({ rule: 'base' }), [])
      assert.deepEqual(await search({ text: 'registry.example' }), ['four'])
      assert.deepEqual(await search({ text: 'web-shop 1.7' }), ['four'])
      assert.deepEqual(await search({ text: 'bob' }), ['two'])
      assert.deepEqual(await search({ text: '"OR" NOT (*' }), [])
      assert.deepEqual(await search({ since: Date.now() + 1000 }), [])
      assert.deepEqual(await search({ until: Date.now() + 1000, name: 'one' }), ['one'])
      const first = await index.search({ limit: 2, kind: 'k8s.request' })
      const second = await index.search({ limit: 2, kind: 'k8s.request', after: first.next! })
      const third = await index.search({ limit: 2, kind: 'k8s.request', after: second.next! })
      assert.deepEqual(
        [first, second, third].map(page => names(page.items)),
        [['five', 'four'], ['three', 'two'], ['one']],
      )
      assert.equal(third.next, undefined)
      await assert.rejects(index.search({ limit: 2, after: 'x; drop' }), /page mark/)
    })

    test('a row joins intent and outcome; an open call says so', async t => {
      const { log, index } = await opened(t)
      await log.append(intent(1))
      await index.caughtUp(log.size)
      const query = { limit: 1, kind: 'k8s.request' }
      const before = (await index.search(query)).items[0]!
      assert.equal(before.complete, false)
      assert.equal(before.head.result, undefined)
      await log.append(outcome(1, { code: 404 }))
      await index.caughtUp(log.size)
      const after = (await index.search(query)).items[0]!
      assert.equal(after.complete, true)
      assert.equal(after.head.result!.code, 404)
      assert.equal(after.head.principal!.username, 'corp:alice')
      assert.equal(after.index, before.index)
    })

    test('tail tells rows as they complete, filtered, and ends with its signal', async t => {
      const { log, index } = await opened(t)
      const stop = new AbortController()
      const seen: string[] = []
      const reading = (async () => {
        for await (const row of index.tail({ limit: 10, namespace: 'shop' }, stop.signal)) {
          seen.push(row.head.action!.name as string)
          if (seen.length === 2) stop.abort()
        }
      })()
      await recordCall(log, 1, { name: 'a' })
      await recordCall(log, 2, { name: 'b', namespace: 'elsewhere' })
      await recordCall(log, 3, { name: 'c' })
      await reading
      assert.deepEqual(seen, ['a', 'c'])
    })
  })

  describe(`show: ${engine}`, () => {
    test('gives head, leaves proven against the checkpoint, and bodies of the shown class with frames joined', async t => {
      const { log, index } = await opened(t)
      await log.append(intent(1, { request: body('{"kind":"Pod"}') }))
      await log.append(frame(1, body('first \u00e4', 'shown')))
      await log.append(frame(1, body(' second', 'shown')))
      await log.append(outcome(1))
      await log.publish()
      await index.caughtUp(log.size)
      const detail = (await index.show(callId(1)))!
      assert.deepEqual(
        detail.leaves.map(leaf => leaf.phase),
        ['intent', 'frame', 'frame', 'outcome'],
      )
      for (const leaf of detail.leaves) assert.equal(leaf.provenAt, log.checkpoint.size)
      assert.deepEqual(detail.bodies, [
        { side: 'request', mediaType: 'application/json', bytes: 14, sealed: false, text: '{"kind":"Pod"}' },
        {
          side: 'response',
          mediaType: 'application/json',
          bytes: 15,
          sealed: false,
          text: 'first \u00e4 second',
        },
      ])
      assert.equal(detail.policyDigest, `sha256:${'ab'.repeat(32)}`)
      assert.equal(await index.show(callId(2)), undefined)
    })

    test('works for old segments, after a restart, and while nothing is published yet', async t => {
      const first = await opened(t)
      await recordCall(first.log, 1, { response: body('before') })
      await first.close()
      const { log, index } = await opened(t, first)
      await recordCall(log, 2, { response: body('after') })
      await index.caughtUp(log.size)
      assert.equal((await index.show(callId(1)))!.bodies[0]!.text, 'before')
      assert.equal((await index.show(callId(2)))!.bodies[0]!.text, 'after')
    })
  })

  describe(`what was masked: ${engine}`, () => {
    test('is found by rule and by fingerprint, counted by place, shown without a value, and the same after a rebuild', async t => {
      const { log, index } = await opened(t)
      const secret = (number: number) => `hunter-${number}`
      await recordCall(log, 1, {
        name: 'one',
        request: maskedBody(`{"p":"${secret(1)}"}`, [secret(1)], { rule: 'passwords', fingerprint: 'fp-a' }),
        response: maskedBody(`["${secret(1)}","${secret(2)}"]`, [secret(1), secret(2)], { rule: 'tokens' }),
      })
      await log.append(intent(2, { name: 'two', namespace: 'other' }))
      await log.append(
        frame(
          2,
          maskedBody(`a ${secret(3)}`, [secret(3)], {
            rule: 'tokens',
            keep: 'fingerprint',
            fingerprint: 'fp-a',
          }),
        ),
      )
      await log.append(frame(2, maskedBody(`b ${secret(4)}`, [secret(4)], { rule: 'tokens', keep: 'none' })))
      await log.append(outcome(2))
      await recordCall(log, 3, { name: 'three', response: body('nothing in it') })
      const look = async () => {
        await index.caughtUp(log.size)
        const search = async (query: object) => names((await index.search({ limit: 50, ...query })).items)
        assert.deepEqual(await search({ maskedBy: 'tokens' }), ['two', 'one'])
        assert.deepEqual(await search({ maskedBy: 'passwords' }), ['one'])
        assert.deepEqual(await search({ maskedBy: 'token' }), [])
        assert.deepEqual(await search({ fingerprint: 'fp-a' }), ['two', 'one'])
        assert.deepEqual(await search({ fingerprint: 'fp-a', namespace: 'other' }), ['two'])
        assert.deepEqual(await search({ text: 'hunter' }), [])
        const place = (rule: string, namespace: string, values: number) => ({
          rule,
          connection: 'prod',
          namespace,
          resource: 'pods',
          values,
          calls: 1,
        })
        const rows = [place('tokens', 'other', 2), place('tokens', 'shop', 2), place('passwords', 'shop', 1)]
        assert.deepEqual(
          (await index.masked({})).map(row => ({ ...row })),
          rows,
        )
        assert.deepEqual((await index.masked({ namespace: 'shop', maskedBy: 'tokens' })).length, 1)
        assert.deepEqual(await index.masked({ until: 1 }), [])
        const [shown] = (await index.show(callId(2)))!.bodies
        assert.equal(shown!.maskedValues, 2)
        assert.deepEqual(shown!.masked, [
          { pointer: '/data/0', rule: 'tokens', keep: 'fingerprint', fingerprint: 'fp-a' },
          { pointer: '/data/0', rule: 'tokens', keep: 'none' },
        ])
        assert.equal(JSON.stringify(await index.show(callId(1))).includes('hunter'), false)
      }
      await look()
      await log.publish()
      await index.rebuild()
      await look()
    })
  })

  describe(`rebuild: ${engine}`, () => {
    test('gives the same rows again, and goes on with what comes after', async t => {
      const { log, index } = await opened(t)
      for (let number = 0; number < 60; number += 1) {
        await recordCall(log, number, {
          name: `n${number}`,
          session: `s-${number % 7}`,
          response: body(`word${number}`),
        })
      }
      await log.append(intent(900))
      await index.caughtUp(log.size)
      const all = async () => {
        const rows: AuditRow[] = []
        for (let after: string | undefined; ; ) {
          const page = await index.search({
            limit: 25,
            kind: 'k8s.request',
            ...(after === undefined ? {} : { after }),
          })
          rows.push(...page.items)
          after = page.next
          if (after === undefined) return rows
        }
      }
      const live = await all()
      assert.equal(live.length, 61)
      await log.publish()
      await index.rebuild()
      assert.deepEqual(await all(), live)
      await recordCall(log, 901, { response: body('afterwards') })
      await index.caughtUp(log.size)
      assert.equal((await index.search({ limit: 5, text: 'afterwards' })).items.length, 1)
      assert.equal((await index.search({ limit: 5, text: 'word17' })).items.length, 1)
    })

    test('takes whatever a caller can put into a name or a body, and finds it', async t => {
      const { log, index } = await opened(t)
      const names = [
        'nul\u0000inside',
        'half \ud800 pair',
        'x'.repeat(100_000),
        `${'x'.repeat(100_000)}y`,
        "it's %_\\ *",
      ]
      for (const [number, name] of names.entries()) {
        await recordCall(log, number, { name, user: name, session: `s-${number}` })
      }
      const long = 'abcdefghij'.repeat(1_000)
      await recordCall(log, 90, { name: 'token', response: body(`before ${long}tail after`) })
      const many = Array.from({ length: 3_000 }, (_, at) => `w${at.toString(36)}`).join(' ')
      await recordCall(log, 91, { name: 'many', response: body(many) })
      await recordCall(log, 92, {
        name: 'bytes',
        response: { ...body(''), chunks: [Buffer.from([0, 255, 254, 81, 90, 0])] },
      })
      await index.caughtUp(log.size)
      for (const [number, name] of names.entries()) {
        const { items } = await index.search({ limit: 5, name })
        assert.deepEqual(
          items.map(row => row.call),
          [callId(number)],
        )
      }
      const found = async (text: string) =>
        (await index.search({ limit: 5, text })).items.map(row => row.call)
      assert.deepEqual(await found(`${long}tail`), [callId(90)])
      assert.deepEqual(await found(`${long}tall`), [])
      assert.deepEqual(await found('w1zz'), [callId(91)])
      assert.deepEqual(await found('QZ'), [callId(92)])
      assert.deepEqual(index.status(), { state: 'ready', lag: 0 })
    })
  })
}
