import assert from 'node:assert/strict'
import { fuzzBytes } from '../../attacks/fuzz-requests.ts'
import { CONNECTION, openRig, type Rig, until } from '../../attacks/harness.ts'
import { exchangeRaw } from '../../attacks/raw.ts'
import { allEnded, assertRecordedAsSent } from '../../attacks/record.ts'
import { answerAsCluster, answerWith } from '../../attacks/upstream.ts'
import { type Checker, type FuzzTarget, textOf } from '../target.ts'

/** Stands for a session's token, which is another one in each run. */
const TOKEN = '@TOKEN@'

/**
 * A running gateway with raw bytes on its TLS port. Each connection is answered or closed; what reaches the upstream came
 * once, is in the log under its id, and is what the log says; each exchange with an identity has its outcome in the log.
 */
async function open(): Promise<Checker> {
  const rig = await openRig({ limits: { requestBodyTime: 2_000 } })
  const { token } = await rig.session('admin')
  rig.upstream.answer = request =>
    /watch|follow/.test(request.target) ? answerWith(request, 200, {}) : answerAsCluster(request)
  const counts = new Map<string, number>()
  const count = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1)

  async function one(input: Buffer): Promise<string | null> {
    const bytes = Buffer.from(input.toString('latin1').replaceAll(TOKEN, token), 'latin1')
    const answer = await exchangeRaw(rig, bytes, { limit: 20_000 })
    if (!answer.closed) return 'the connection hangs'
    for (const status of answer.statuses) count(String(status))
    if (answer.statuses.length === 0) count('closed')
    if (answer.statuses.includes(500)) return `an internal error:\n${rig.logged().slice(-1500)}`
    return bareRefusal(answer.bytes.toString('latin1'))
  }

  return {
    counts,
    close: () => rig.close(),
    async check(inputs) {
      const problems = await Promise.all(inputs.map(one))
      const over = () => rig.agent.inFlight === 0 && allEnded(rig)
      await until(over, 'all calls have ended, upstream and in the log', 20_000)
      const wrong = afterwards(rig)
      if (wrong === null) return problems
      // Which of them it was, only each by itself can say.
      return inputs.length === 1 ? [problems[0] ?? wrong] : Promise.reject(new Error(wrong))
    },
  }
}

/** A refusal that is neither a Status of Kubernetes nor a problem document (RFC 9457), with the same code. One without a body is an answer to HEAD. */
function bareRefusal(text: string): string | null {
  for (const answer of text.split(/(?=HTTP\/1\.1 [1-5]\d\d )/)) {
    const code = Number(/^HTTP\/1\.1 ([45]\d\d)/.exec(answer)?.[1])
    const end = answer.indexOf('\r\n\r\n')
    if (Number.isNaN(code) || end < 0 || answer.length === end + 4) continue
    try {
      const status = JSON.parse(answer.slice(end + 4)) as Record<string, unknown>
      if (/^content-type: application\/problem\+json\r$/im.test(answer.slice(0, end + 1)))
        assert.deepEqual([status.status, typeof status.code], [code, 'string'])
      else assert.deepEqual([status.kind, status.apiVersion, status.code], ['Status', 'v1', code])
    } catch (error) {
      return `a refusal of another form: ${textOf(error)}\n${answer.slice(0, 1000)}`
    }
  }
  return null
}

/** What all exchanges have left behind, and then forgets it. */
function afterwards(rig: Rig): string | null {
  const { entries, finished } = rig
  const { requests, unreadable } = rig.upstream
  try {
    assert.deepEqual(unreadable, [], 'the upstream got what is no request')
    assertRecordedAsSent(rig)
    for (const { progress, callId, error } of finished) {
      if (progress.principal !== undefined)
        assert.ok(progress.outcomeWritten, `${callId} has no outcome (${error})`)
    }
    assert.doesNotMatch(rig.logged(), /an exchange broke/)
    return null
  } catch (error) {
    return textOf(error)
  } finally {
    for (const list of [entries, finished, requests, unreadable]) list.length = 0
  }
}

export const target: FuzzTarget = {
  name: 'http',
  batch: 48,
  generate(random) {
    return fuzzBytes(random, { token: TOKEN, connection: CONNECTION })
  },
  open,
}
