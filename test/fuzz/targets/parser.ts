import { rawClassifier } from '../../../scripts/classify.ts'
import type { ParsedRequest, RefusedRequest } from '../../../src/kubernetes/request/contract.ts'
import { parseRequest } from '../../../src/kubernetes/request/parse.ts'
import { requestRefusals } from '../../../src/kubernetes/request/refusals.ts'
import { disagreements, rebuilt, withPlainRequestLine } from '../../parity/compare.ts'
import { generate } from '../../parity/generator.ts'
import { askOracle, buildOracle } from '../../parity/oracle.ts'
import { mutate } from '../mutate.ts'
import type { Checker, FuzzTarget } from '../target.ts'

const WORDS = [
  '%2f',
  '%2e%2e',
  '%00',
  '//',
  '..',
  ';',
  '\\',
  '?',
  '#',
  '%',
  '%25',
  '&',
  '=',
  '+',
  '\r\n',
  '\r\n ',
  ' ',
  '\t',
  'watch=1',
  'Host: x\r\n',
  'namespaces',
  'proxy',
  'HTTP/1.0',
  'Transfer-Encoding: chunked\r\n',
  '\u00ff',
]

/** The request parser against Go's: what we accept is read alike there, as received and as we send it on. */
async function open(): Promise<Checker> {
  const oracle = await buildOracle()
  const classify = rawClassifier()
  const counts = new Map<string, number>()
  return {
    counts,
    close: async () => {},
    async check(inputs) {
      const results: (ParsedRequest | RefusedRequest)[] = []
      for (const input of inputs) results.push(await classify(input))
      const accepted = inputs.flatMap((input, at) =>
        results[at]!.refused ? [] : [{ at, input, ours: results[at] as ParsedRequest }],
      )
      const asked = accepted.flatMap(({ input, ours }) => [withPlainRequestLine(input), rebuilt(ours)])
      const answers = asked.length === 0 ? [] : await askOracle(oracle, asked)
      const problems: (string | null)[] = inputs.map(() => null)
      for (const [i, { at, ours }] of accepted.entries()) {
        const found = [
          ...disagreements(ours, answers[2 * i]!),
          ...disagreements(ours, answers[2 * i + 1]!).map(text => `as rebuilt, ${text}`),
        ]
        const again = parseRequest({ method: ours.method, target: ours.target, rawHeaders: ['Host', 'x'] })
        if (ours.upgrade === null && (again.refused || again.target !== ours.target))
          found.push('what we send on is read otherwise by ourselves')
        if (found.length > 0) problems[at] = found.join('\n')
      }
      for (const [at, result] of results.entries()) {
        const became = result.refused ? result.check : 'accepted'
        counts.set(became, (counts.get(became) ?? 0) + 1)
        if (result.refused && !Object.hasOwn(requestRefusals, result.check))
          problems[at] = `${result.check} is not a written refusal`
      }
      return problems
    },
  }
}

export const target: FuzzTarget = {
  name: 'parser',
  batch: 1500,
  generate(random, corpus) {
    const base = corpus.length > 0 && random.chance(0.1) ? random.pick(corpus) : generate(random).bytes
    return random.chance(0.7) ? base : mutate(base, random, WORDS, 3)
  },
  open,
}
