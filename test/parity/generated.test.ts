import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rawClassifier } from '../../scripts/classify.ts'
import type { ParsedRequest, RefusedRequest } from '../../src/kubernetes/request/contract.ts'
import { parseRequest } from '../../src/kubernetes/request/parse.ts'
import { type RequestCheck, requestRefusals } from '../../src/kubernetes/request/refusals.ts'
import { disagreements, rebuilt, withPlainRequestLine } from './compare.ts'
import { type Generated, generate } from './generator.ts'
import { askOracle, buildOracle } from './oracle.ts'
import { seeded } from './random.ts'

/** The same requests in each run of the suite; PARITY_SEED and PARITY_COUNT make another or a longer run. */
const seed = Number(process.env.PARITY_SEED ?? 1)
const count = Number(process.env.PARITY_COUNT ?? 30_000)
const SHOWN = 15
/** Node's HTTP/1 parser is there first, or the generator makes no such request: unit tests meet these. */
const notOverHttp1: RequestCheck[] = ['query-too-many', 'header-name', 'content-length', 'length-conflict']

test(`generated requests agree with the oracle (PARITY_SEED=${seed} PARITY_COUNT=${count})`, async () => {
  const random = seeded(seed)
  const generated: Generated[] = Array.from({ length: count }, () => generate(random))
  const classify = rawClassifier()
  const results: (ParsedRequest | RefusedRequest)[] = []
  for (const { bytes } of generated) results.push(await classify(bytes))

  const oracle = await buildOracle()
  const asked = generated.map(({ bytes }) => withPlainRequestLine(bytes))
  const answers = await askOracle(oracle, asked)
  const accepted = results.filter(result => !result.refused)
  const rebuiltAnswers = await askOracle(oracle, accepted.map(rebuilt))

  const problems: string[] = []
  const problem = (index: number, text: string): void => {
    const { bytes, how } = generated[index]!
    problems.push(`${text}\n    [${how.join(', ')}] ${JSON.stringify(bytes.toString('latin1'))}`)
  }
  const refusals = new Map<string, number>()
  let routed = 0
  let refusedRouted = 0
  let next = 0
  for (const [index, result] of results.entries()) {
    const answer = answers[index]!
    const isRouted = answer.refused === undefined && answer.routed
    if (isRouted) routed++
    if (!result.refused) {
      for (const found of disagreements(result, answer)) problem(index, found)
      for (const found of disagreements(result, rebuiltAnswers[next]!)) problem(index, `as rebuilt, ${found}`)
      const again = parseRequest({ method: result.method, target: result.target, rawHeaders: ['Host', 'x'] })
      if (result.upgrade === null && (again.refused || again.target !== result.target))
        problem(index, 'not stable')
      next++
      continue
    }
    refusals.set(result.check, (refusals.get(result.check) ?? 0) + 1)
    if (!Object.hasOwn(requestRefusals, result.check))
      problem(index, `${result.check} is not a written refusal`)
    if (!isRouted) continue
    refusedRouted++
    const { may } = generated[index]!
    if (may !== null && !may.has(result.check as RequestCheck))
      problem(index, `refused as ${result.check}, which is not among ${[...may].join(', ') || 'nothing'}`)
  }

  console.log(`parity: ${count} requests, ${accepted.length} accepted, ${count - accepted.length} refused`)
  console.log(
    `parity: ${routed} valid and routed for the oracle, ${refusedRouted} of these refused by a written check`,
  )
  const plainer = asked.filter((bytes, index) => bytes !== generated[index]!.bytes).length
  console.log(`parity: ${plainer} shown to the oracle without blanks that Node skips around the request line`)
  console.log(`parity: ${problems.length} disagreements; seed ${seed}`)
  for (const [check, times] of [...refusals].sort((one, other) => other[1] - one[1]))
    console.log(`  ${check}: ${times}`)
  assert.equal(problems.length, 0, `\n${problems.slice(0, SHOWN).join('\n')}`)
  // The run says something only if much of it reaches a handler and every check is met.
  assert.ok(accepted.length > count * 0.4, 'too few accepted')
  assert.ok(routed > count * 0.4, 'too few routed')
  if (count >= 10_000) {
    const never = Object.keys(requestRefusals).filter(check => !refusals.has(check))
    assert.deepEqual(never, notOverHttp1, 'checks that no generated request failed')
  }
})
