import type { ConnectionList, SignIn } from '../api/schema/identity.ts'
import { readSignIn } from './config/sign-in-file.ts'
import { type Context, flag, type Options, type Run, text } from './frame/context.ts'
import { exitCodes, Failure, usage } from './frame/failure.ts'
import { factLines } from './output/facts.ts'
import { shortTime } from './output/time.ts'
import { signIn } from './signin/sign-in.ts'

export const run: Run = async (context, _args, options) => {
  const code = await codeOf(context, options)
  const before = readSignIn(context.paths, (await context.gateway()).server, Date.now())?.token
  const answer = await signIn(context, {
    interactive: true,
    before,
    remember: true,
    code,
    provider: text(options, 'provider'),
    device: flag(options, 'device'),
    browser: options.browser !== false,
  })
  const { server, name } = await context.gateway()
  const connections = await usable(context, answer)
  const { token: _, ...shown } = answer
  await context.output.one(
    { ...shown, gateway: server, connections },
    factLines([
      ['Signed in as', answer.principal.username],
      ['Until', `${shortTime(answer.expiresAt)} UTC`],
      ['Gateway', `${server} (${name})`],
      ['Connections', connections.join(', ') || 'none'],
    ]),
    `principal/${answer.principal.username}`,
  )
  if (connections.length > 0) context.say(`\nnext: eval "$(sallyport connection use ${connections[0]})"`)
  return exitCodes.done
}

/** A convenience: the sign-in stands, whatever comes of it. */
async function usable(context: Context, answer: SignIn): Promise<string[]> {
  try {
    const client = await context.client()
    const list = await client.get<ConnectionList>('/v1/connections', { token: answer.token })
    return list.items.map(item => item.name)
  } catch (error) {
    if (error instanceof Failure) return []
    throw error
  }
}

async function codeOf(context: Context, options: Options): Promise<string | undefined> {
  const given = options.code ?? (context.env.SALLYPORT_CODE || undefined)
  if (given === undefined) return undefined
  if (typeof given === 'string' && given !== '-') return given
  if (process.stdin.isTTY === true) context.warn('one-time code, then Enter:')
  let typed = ''
  for await (const chunk of process.stdin) {
    typed += String(chunk)
    if (typed.includes('\n') || typed.length > 1000) break
  }
  const code = typed.trim()
  if (code === '') throw usage('there was no code on standard input')
  return code
}
