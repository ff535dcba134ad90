import { documentKinds } from '../../documents/kinds.ts'
import { type LocatedDocument, parseKinds, type SourceText } from '../../documents/parse.ts'
import { errorsOf, formatProblem, type Problem } from '../../documents/problem.ts'
import type { PolicyDocument } from '../../documents/schema/policy.ts'
import { didYouMean } from '../../documents/suggest.ts'
import type { Principal } from '../../identity/principal.ts'
import { policyProblems } from '../check/policy-problems.ts'
import { type CompiledPolicies, compilePolicies } from '../compile.ts'
import type { Circumstances } from '../decision.ts'
import { standIn } from '../stand-in.ts'
import { actionOfCase } from './action-of-case.ts'
import { type PolicyTestCase, type PolicyTestDocument, policyTestSchema } from './schema.ts'

export interface PolicyTestResult {
  /** `document / case` */
  readonly name: string
  readonly file: string
  readonly line: number
  readonly ok: boolean
  /** `deny by team/rule` */
  readonly expected: string
  readonly got: string
  readonly detail?: string
}

/**
 * Runs the PolicyTest documents of the sources against the policies that stand in them, or, when there are none, against
 * `policies`. What cannot be read is a failed result too: a broken test must not look like a passed one.
 */
export function runPolicyTests(
  sources: readonly SourceText[],
  policies: readonly PolicyDocument[] = [],
): readonly PolicyTestResult[] {
  const kinds = { ...documentKinds, PolicyTest: policyTestSchema }
  const parsed = parseKinds<PolicyTestDocument | PolicyDocument>(sources, kinds)
  const written = parsed.documents.filter(
    (d): d is LocatedDocument<PolicyDocument> => d.document.kind === 'Policy',
  )
  const problems = [...parsed.problems, ...policyProblems(written)]
  if (errorsOf(problems).length > 0) return errorsOf(problems).map(unreadable)
  const compiled = compilePolicies(written.length > 0 ? written.map(d => d.document) : policies)
  return parsed.documents.flatMap(located =>
    located.document.kind === 'PolicyTest'
      ? located.document.spec.cases.map((test, i) =>
          runCase(compiled, located as LocatedDocument<PolicyTestDocument>, test, i),
        )
      : [],
  )
}

function unreadable(problem: Problem): PolicyTestResult {
  const { file, line } = problem
  return {
    name: 'documents',
    file,
    line,
    ok: false,
    expected: 'valid documents',
    got: 'an error',
    detail: formatProblem(problem),
  }
}

function runCase(
  compiled: CompiledPolicies,
  located: LocatedDocument<PolicyTestDocument>,
  test: PolicyTestCase,
  index: number,
): PolicyTestResult {
  const { line } = located.locate(['spec', 'cases', index])
  const name = `${located.document.metadata.name} / ${test.name}`
  const { effect, rule, reason, requireReason, limits } = test.expect
  const head = { name, file: located.file, line, expected: say(effect, rule) }
  const described = actionOfCase(test)
  if ('problem' in described) return { ...head, ok: false, got: 'no decision', detail: described.problem }
  if (rule !== undefined && rule !== 'none' && !knowsRule(compiled, rule)) {
    const detail = `there is no rule ${rule}${didYouMean(
      rule,
      compiled.rules.map(r => r.name),
    )}`
    return { ...head, ok: false, got: 'no decision', detail }
  }
  const decision = compiled.decide(described.action, circumstancesOf(test))
  const deciding = decision.rules[0] ?? 'none'
  const ok =
    decision.effect === effect &&
    (rule === undefined || rule === deciding) &&
    (reason === undefined || decision.reason.includes(reason)) &&
    (requireReason === undefined || requireReason === (decision.requireReason ?? false)) &&
    (limits === undefined || sameNames(limits, decision.limits?.map(limit => limit.rule) ?? []))
  return { ...head, ok, got: say(decision.effect, deciding), ...(ok ? {} : { detail: decision.reason }) }
}

function knowsRule(compiled: CompiledPolicies, name: string): boolean {
  return name.startsWith('defaults/') || compiled.rules.some(r => r.name === name)
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return JSON.stringify([...a].sort()) === JSON.stringify([...b].sort())
}

function say(effect: string, rule: string | undefined): string {
  return rule === undefined ? effect : `${effect} by ${rule}`
}

/** A day in the far past and a session of it, unless the case says otherwise: tests do not depend on today. */
const SOME_TIME = Date.UTC(2026, 0, 5, 12)

function circumstancesOf(test: PolicyTestCase): Circumstances {
  const now = test.now === undefined ? SOME_TIME : Date.parse(test.now)
  const connection = test.connection ?? 'default'
  const { address = '', userAgent = '', command = '' } = test.client ?? {}
  return {
    ...standIn(principalOf(test, connection, now), connection, now),
    client: { address, userAgent, command },
  }
}

function principalOf(test: PolicyTestCase, connection: string, now: number): Principal {
  const { principal } = test
  const account = /^(?:([^/]+)\/)?([^:]+):(.+)$/.exec(principal.serviceAccount ?? '')
  const username =
    principal.username ??
    (account === null ? 'test:nobody' : `system:serviceaccount:${account[2]}:${account[3]}`)
  return {
    issuer: 'https://policy-test.invalid',
    subject: username,
    kind: principal.kind ?? (account === null ? 'person' : 'serviceaccount'),
    username,
    groups: principal.groups ?? [],
    ...(principal.displayName === undefined ? {} : { displayName: principal.displayName }),
    ...(principal.email === undefined ? {} : { email: principal.email }),
    ...(principal.claims === undefined ? {} : { claims: principal.claims }),
    ...(account === null
      ? {}
      : {
          serviceAccount: { connection: account[1] ?? connection, namespace: account[2]!, name: account[3]! },
        }),
    authentication: {
      method: account === null ? 'oidc' : 'tokenreview',
      provider: 'policy-test',
      validUntil: now + 3_600_000,
      credentialDigest: '',
    },
  }
}
