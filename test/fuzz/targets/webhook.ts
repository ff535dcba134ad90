import assert from 'node:assert/strict'
import { Refusal } from '../../../src/errors/refusal.ts'
import type { Wake } from '../../../src/notify/contract.ts'
import { createWebhook } from '../../../src/notify/webhook/create-webhook.ts'
import { signatureOf } from '../../../src/notify/webhook/sign.ts'
import { mutate } from '../mutate.ts'
import { type Checker, eachByItself, type FuzzTarget } from '../target.ts'

const SECRET = 'a secret of the fuzzer that is long enough'
const NOW = 1_800_000_000_000
const WAKE = '{"kind":"ApprovalWake","approval":"0197a2b4-0000-7000-8000-000000000000"}'
const SEEDS = [
  `0\n${NOW / 1000}\nv1=${'0'.repeat(64)}\n${WAKE}`,
  `1\n${NOW / 1000}\n\n${WAKE}`,
  `1\n${NOW / 1000 - 300}\nv1=, v1=\n{"kind":"ApprovalDecision","verdict":"approve"}`,
  `1\n${NOW / 1000 + 301}\n,,,,\n{"__proto__":{"kind":"ApprovalWake"},"approval":"x"}`,
]
const WORDS = [
  'v1=',
  ',',
  '\n',
  '1',
  '0',
  '"kind"',
  'ApprovalWake',
  '__proto__',
  '\u0000',
  '-',
  '../',
  'é',
  '"',
]

/**
 * First line: whether the secret is known (`1`: the right signature is put behind what is given). Then the two headers, and
 * the body. Without the secret nothing is ever taken; with it, nothing but the id of an approval.
 */
async function open(): Promise<Checker> {
  const hook = createWebhook(
    { name: 'fuzz', url: 'http://127.0.0.1:1/', secrets: [SECRET], wants: () => true },
    () => NOW,
  )
  return eachByItself(
    input => {
      const text = input.toString('latin1')
      const [known = '', stamp = '', given = '', ...rest] = text.split('\n')
      const body = Buffer.from(rest.join('\n'), 'latin1')
      const own = known === '1' && /^\d{1,15}$/.test(stamp) ? signatureOf(SECRET, Number(stamp), body) : ''
      const headers = {
        'sallyport-timestamp': stamp,
        'sallyport-signature': own === '' ? given : `${given},${own}`,
      }
      try {
        const got = hook.receive!({ headers, body })
        assert.notEqual(own, '', 'taken without the secret')
        assert.equal(got.once, own)
        assert.equal(got.kind, 'wake', 'it said more than a wake-up')
        assert.match((got as Wake).approval ?? '', /^[A-Za-z0-9-]{1,64}$/)
        assert.ok(Math.abs(NOW / 1000 - Number(stamp)) <= 300, 'taken out of its time')
        return 'taken'
      } catch (error) {
        if (error instanceof Refusal) return error.code
        throw error
      }
    },
    () => hook.end(),
  )
}

export const target: FuzzTarget = {
  name: 'webhook',
  batch: 1,
  generate: (random, corpus) =>
    mutate(random.pick([...corpus, ...SEEDS.map(seed => Buffer.from(seed))]), random, WORDS),
  open,
}
