import { printable } from '../audit/sentence.ts'
import { API_VERSION } from '../brand.ts'
import type { ChosenGateway } from './config/gateway.ts'
import { type Check, checkLines, failed, ok, warning } from './doctor/check.ts'
import { checkClock } from './doctor/clock.ts'
import { checkKubeconfigs } from './doctor/kubeconfigs.ts'
import { checkKubectl } from './doctor/kubectl.ts'
import { checkDns, checkTcp, checkTls, placeOf } from './doctor/network.ts'
import { checkProxy } from './doctor/proxy.ts'
import { checkSignIn } from './doctor/sign-in.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import { productVersion } from './frame/version.ts'

/** Everything between this person and the gateway, one step after the other; a step that fails says how to cure it. */
export const run: Run = async context => {
  const gateway = await context.gateway()
  const checks: Check[] = [
    ok('node', process.version),
    ok('gateway', `${gateway.server}, chosen by ${gateway.from}`),
  ]
  const { checks: proxyChecks, proxy } = checkProxy(gateway.server, context.env)
  checks.push(...proxyChecks)
  const reached = await reach(gateway, proxy !== undefined, checks)
  checks.push(...(await checkSignIn(context, reached)))
  const { checks: found, own } = await checkKubeconfigs(gateway, context.paths, context.env)
  checks.push(...found)
  const signedIn = checks.some(c => c.check === 'sign-in' && c.level === 'ok')
  checks.push(...(await checkKubectl(context.env, reached && signedIn ? own : undefined)))
  const good = checks.every(c => c.level !== 'failed')
  const document = {
    apiVersion: API_VERSION,
    kind: 'DoctorReport',
    gateway: gateway.server,
    ok: good,
    checks,
  }
  const lines = checkLines(checks).split('\n').map(printable).join('\n')
  await context.output.one(document, lines, `doctor/${good ? 'ok' : 'failed'}`)
  if (good) return exitCodes.done
  if (!reached) return exitCodes.unreachable
  return checks.some(c => c.check === 'sign-in' && c.level === 'failed')
    ? exitCodes.signInFirst
    : exitCodes.failed
}

/** Whether the gateway answers; stops at the first leg that is broken. Through a proxy only the answer can be judged. */
async function reach(gateway: ChosenGateway, proxied: boolean, checks: Check[]): Promise<boolean> {
  const place = placeOf(gateway.server)
  const broken = (): boolean =>
    checks.some(c => c.level === 'failed' && /^(dns|tcp|tls|answer)/.test(c.check))
  if (!proxied) {
    checks.push(await checkDns(place))
    if (!broken()) checks.push(await checkTcp(place))
    if (!broken()) checks.push(...(await checkTls(gateway, place, Date.now())))
  }
  if (broken()) return false
  checks.push(...(await answer(gateway)))
  return !broken()
}

/** The first request: whether a Sallyport answers, which version, and by which clock. */
async function answer(gateway: ChosenGateway): Promise<Check[]> {
  const { getAnswer } = await import('./doctor/answer.ts')
  const sentAt = Date.now()
  const got = await getAnswer(gateway)
  if ('failure' in got)
    return [
      failed('answer', `there is no answer: ${got.failure}`, `sallyport status --gateway ${gateway.server}`),
    ]
  if (got.version === undefined)
    return [failed('answer', `what answers at ${gateway.server} is no Sallyport (status ${got.status})`)]
  const own = productVersion()
  const text = `the gateway is ${got.version}, this program ${own}`
  return [
    own.split('.')[0] === got.version.split('.')[0] ? ok('answer', text) : warning('answer', text),
    checkClock(got.date, sentAt, Date.now()),
  ]
}
