import type { ApiClient } from '../client/client.ts'
import { type ChosenGateway, chooseGateway } from '../config/gateway.ts'
import { userPaths } from '../config/paths.ts'
import { readSignIn } from '../config/sign-in-file.ts'
import { createOutput, type Format, formats, PIPED_WIDTH } from '../output/output.ts'
import { type Context, flag, type Options, text } from './context.ts'
import { usage } from './failure.ts'
import { productVersion } from './version.ts'

export interface Streams {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: { write(text: string): unknown }
}

export function makeContext(env: NodeJS.ProcessEnv, streams: Streams, options: Options): Context {
  const stateDir = text(options, 'stateDir')
  const paths = { ...userPaths(env), ...(stateDir === undefined ? {} : { state: stateDir }) }
  const quiet = flag(options, 'quiet')
  const write = (line: string): void => void streams.stderr.write(`${line}\n`)
  let gateway: ChosenGateway | undefined
  let client: ApiClient | undefined
  const chosen = (): ChosenGateway => {
    gateway ??= chooseGateway(
      { gateway: text(options, 'gateway'), caFile: text(options, 'caFile') },
      env,
      paths,
    )
    return gateway
  }
  return {
    env,
    paths,
    output: createOutput({
      format: formatOf(text(options, 'output') ?? env.SALLYPORT_OUTPUT),
      headers: options.headers !== false,
      quiet,
      width: streams.stdout.isTTY === true ? (streams.stdout.columns ?? PIPED_WIDTH) : PIPED_WIDTH,
      write: data => void streams.stdout.write(data),
    }),
    say: line => {
      if (!quiet) write(line)
    },
    warn: write,
    gateway: async () => chosen(),
    async client() {
      if (client !== undefined) return client
      const { createClient } = await import('../client/client.ts')
      const target = chosen()
      const token = env.SALLYPORT_TOKEN || readSignIn(paths, target.server, Date.now())?.token
      client = createClient(target, token, productVersion())
      return client
    },
  }
}

function formatOf(value: string | undefined): Format {
  if (value === undefined || value === '') return 'table'
  const found = formats.find(format => format === value)
  if (found === undefined) throw usage(`SALLYPORT_OUTPUT is ${value}; it can be ${formats.join(', ')}`)
  return found
}
