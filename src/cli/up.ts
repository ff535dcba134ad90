import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Run, text, texts } from './frame/context.ts'
import { exitCodes, Failure, usage } from './frame/failure.ts'
import { productVersion } from './frame/version.ts'

/** Gateway, agent and sign-in in this process, until it is told to stop. Server code is loaded here and nowhere earlier. */
export const run: Run = async (context, _args, options) => {
  const json = context.output.format === 'json'
  const launcher = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url))
  const self = [process.execPath, launcher]
  const [{ up }, { tour }] = await Promise.all([import('../up/up.ts'), import('../up/tour.ts')])
  const started = await up(
    {
      dataDir: text(options, 'dataDir'),
      configDir: text(options, 'configDir'),
      listen: text(options, 'listen'),
      kubeconfig: text(options, 'kubeconfig'),
      context: text(options, 'context'),
      presets: texts(options, 'preset'),
      logLevel: text(options, 'logLevel'),
      store: text(options, 'store'),
      storePassword: text(options, 'storePassword'),
      keyEncryption: text(options, 'keyEncryption'),
      formerKeyEncryption: text(options, 'formerKeyEncryption'),
      logQuota: {
        ...sizeOption('bytes', '--log-quota', text(options, 'logQuota')),
        ...sizeOption('minFree', '--log-min-free', text(options, 'logMinFree')),
      },
      recipients: text(options, 'recipients'),
      retention: {
        ...daysOption('sealed', '--keep-sealed', text(options, 'keepSealed')),
        ...daysOption('shown', '--keep-shown', text(options, 'keepShown')),
      },
      bindAdmins: options.bind !== false,
      witnesses: texts(options, 'witness'),
      witnessesRequired: countOf(text(options, 'witnessesRequired')),
      witnessInterval: timeOf('--witness-interval', text(options, 'witnessInterval')),
      unwitnessedAfter: timeOf('--unwitnessed-after', text(options, 'unwitnessedAfter')),
      unwitnessed: text(options, 'unwitnessed') as 'alert' | 'seal' | undefined,
      output: json ? 'json' : 'text',
      self,
      version: productVersion(),
    },
    line => context.warn(line),
  ).catch(error => {
    throw explained(error)
  })
  const { facts } = started
  // Before anything is printed: who reads that it serves may tell it to stop at once.
  const toldToStop = new Promise<void>(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
  if (json) context.output.raw(`${JSON.stringify(facts)}\n`)
  else {
    const lines = [
      `Sallyport serves ${facts.url} for ${facts.cluster}; everything is kept in ${facts.dataDir}`,
      '',
      'Paste these, one after the other, in another terminal:',
      ...tour(
        facts,
        kubectlOf(started.kubectl, context.env),
        isOnPath('sallyport', context.env) ? 'sallyport' : launcher,
      ).flatMap(step => [`  # ${step.about}`, `  ${step.line}`]),
      '',
      'Ctrl-C stops it. Commands appear here as they go by:',
    ]
    context.output.raw(`${lines.join('\n')}\n`)
  }
  // As servers do: read the configuration again. What is wrong is told, and the present one stays.
  process.on('SIGHUP', () => {
    started.gateway.reload().then(
      problems => context.warn(problems.length === 0 ? 'configuration read again' : problems.join('\n')),
      error => context.warn(`the configuration could not be read: ${error}`),
    )
  })
  await toldToStop
  context.say('stopping: no new requests; those under way get a few seconds')
  await started.stop()
  // Sockets of clients that keep them open must not keep the process.
  process.exit(exitCodes.done)
}

function daysOption(name: 'sealed' | 'shown', flag: string, value: string | undefined) {
  if (value === undefined) return {}
  if (!/^[1-9]\d{0,4}$/.test(value)) throw usage(`${flag} takes a number of days, at least 1`)
  return { [name]: Number(value) }
}

function countOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  if (!/^\d{1,2}$/.test(value)) throw usage('--witnesses-required takes a number')
  return Number(value)
}

function timeOf(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const match = /^(\d{1,6})(s|m|h)$/.exec(value)
  if (match === null) throw usage(`${name} takes a time such as 30s, 10m or 1h`)
  return Number(match[1]) * { s: 1_000, m: 60_000, h: 3_600_000 }[match[2] as 's' | 'm' | 'h']
}

const UNITS = { '': 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 }

function sizeOption(name: 'bytes' | 'minFree', flag: string, value: string | undefined) {
  if (value === undefined) return {}
  const match = /^(\d{1,12})(|KiB|MiB|GiB|TiB)$/.exec(value)
  if (match === null) {
    throw new Failure({
      exitCode: exitCodes.usage,
      what: `${flag} takes bytes, or a number with KiB, MiB, GiB or TiB, not ${JSON.stringify(value)}`,
      next: `for example: sallyport up ${flag} 10GiB`,
    })
  }
  return { [name]: Number(match[1]) * UNITS[match[2] as keyof typeof UNITS] }
}

function explained(error: unknown): Error {
  if (error instanceof Failure || !(error instanceof Error)) return error as Error
  const { code } = error as NodeJS.ErrnoException
  if (error.name === 'StoreUnavailable') {
    const next = 'see that the server runs, and that this user may make or use the schema there'
    return new Failure({ exitCode: exitCodes.unreachable, what: error.message, next })
  }
  if (code === 'EADDRINUSE') {
    const what = 'the address is in use by another program'
    return new Failure({
      exitCode: exitCodes.failed,
      what,
      next: 'let it take a free port: sallyport up --listen 127.0.0.1:0',
    })
  }
  return error
}

/** The word `kubectl` when there is one, else the demo cluster's own, else still the word. */
function kubectlOf(own: string | undefined, env: NodeJS.ProcessEnv): string {
  return isOnPath('kubectl', env) || own === undefined ? 'kubectl' : own
}

function isOnPath(program: string, env: NodeJS.ProcessEnv): boolean {
  const names = process.platform === 'win32' ? [`${program}.exe`, `${program}.cmd`] : [program]
  return (env.PATH ?? '').split(delimiter).some(folder =>
    names.some(name => {
      try {
        accessSync(join(folder, name), constants.X_OK)
        return folder !== '' && !folder.includes('node_modules')
      } catch {
        return false
      }
    }),
  )
}
