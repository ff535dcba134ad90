import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { printable } from '../../audit/sentence.ts'
import type { ChosenGateway } from '../config/gateway.ts'
import { readSignIn } from '../config/sign-in-file.ts'
import type { Context } from '../frame/context.ts'
import { exitCodes, Failure } from '../frame/failure.ts'
import { announcementFile, findUnderWay, readUnderWay, type UnderWay } from './under-way.ts'

/** What the child is told on its standard input. Nothing in it is secret. */
export interface BackgroundOrder {
  readonly gateway: ChosenGateway
  readonly provider: string
  /** State directory. */
  readonly state: string
}

const LOOK_EVERY = 50

/**
 * For callers that cannot answer, such as editors that poll: starts a sign-in in a process of its own and fails at
 * once with its address, so that the next poll finds a person signed in. The child ends by itself within five minutes
 * and a half, whatever happens. Only for callers without a sign-in. Resolves with the token of one that has come about
 * meanwhile; otherwise throws the Failure that the caller should see.
 */
export async function signInInBackground(
  context: Context,
  gateway: ChosenGateway,
  provider: { readonly name: string; readonly issuer: string },
  patience: number,
): Promise<string> {
  const until = Date.now() + patience
  const present = await findUnderWay(context.paths, gateway.server)
  if (present !== undefined) throw waiting(context, gateway, present)
  // In this order: whoever runs a sign-in keeps the token first and is under way no more after that.
  const finished = (): string | undefined => readSignIn(context.paths, gateway.server, Date.now())?.token
  const token = finished()
  if (token !== undefined) return token
  const launcher = fileURLToPath(new URL('../../../bin/sallyport.mjs', import.meta.url))
  const { KUBERNETES_EXEC_INFO: _, ...env } = context.env
  const child = spawn(process.execPath, [launcher, 'sign-in-in-background'], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    windowsHide: true,
    env,
  })
  let ended = false
  child.on('error', () => {
    ended = true
  })
  child.on('exit', () => {
    ended = true
  })
  child.stdin.on('error', () => {})
  const order: BackgroundOrder = { gateway, provider: provider.name, state: context.paths.state }
  child.stdin.end(JSON.stringify(order))
  child.unref()
  while (Date.now() < until) {
    const found = await findUnderWay(context.paths, gateway.server)
    if (found !== undefined) throw waiting(context, gateway, found)
    const token = finished()
    if (token !== undefined) return token
    if (ended) break
    await new Promise(resolve => setTimeout(resolve, LOOK_EVERY))
  }
  const { failure } = readUnderWay(announcementFile(context.paths, gateway.server, provider.issuer))
  throw new Failure({
    exitCode: exitCodes.signInFirst,
    what: `you are not signed in to ${gateway.server}${ended && failure !== '' ? `, and a sign-in cannot be started: ${failure}` : ''}`,
    next: `sign in first: sallyport login --gateway ${gateway.server}`,
  })
}

/** The address goes to stderr, which every caller shows; the exit code says what is missing. */
export function waiting(context: Context, gateway: ChosenGateway, found: UnderWay): Failure {
  const more = found.more === '' ? '' : `\n${printable(found.more)}\n`
  context.warn(`sign in at:\n\n  ${printable(found.url)}\n${more}`)
  return new Failure({
    exitCode: exitCodes.signInFirst,
    what: `you are not signed in to ${gateway.server}; a sign-in waits for you at the address above`,
    next: 'finish it in a browser within five minutes, then run the same command again',
  })
}
