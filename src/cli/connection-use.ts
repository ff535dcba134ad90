import { join, resolve } from 'node:path'
import type { ConnectionList } from '../api/schema/identity.ts'
import { replacePrivately } from './config/private-file.ts'
import { flag, type Run, text } from './frame/context.ts'
import { exitCodes, Failure, usage } from './frame/failure.ts'
import { execEntryOf } from './kubeconfig/exec-entry.ts'
import { exportLine } from './kubeconfig/export-line.ts'
import { entriesOf, renderKubeconfig } from './kubeconfig/render.ts'

export const run: Run = async (context, [name = ''], options) => {
  const merge = flag(options, 'merge')
  const out = text(options, 'kubeconfigOut')
  if (merge && out !== undefined) throw usage('--merge and --kubeconfig-out exclude each other')
  if (!merge && options.kubeconfig !== undefined)
    throw usage('--kubeconfig belongs to --merge; to write elsewhere: --kubeconfig-out')
  const gateway = await context.gateway()
  const client = await context.client()
  const { items } = await client.get<ConnectionList>('/v1/connections')
  if (!items.some(item => item.name === name))
    throw await unknown(
      name,
      items.map(item => item.name),
    )
  const namespace = text(options, 'namespace')
  const entries = items.map(item =>
    entriesOf({
      connection: item.name,
      gatewayName: gateway.name,
      server: item.server,
      certificateAuthority: item.certificateAuthority,
      exec: execEntryOf(gateway.server, item.name, context.env),
      ...(item.name === name && namespace !== undefined ? { namespace } : {}),
    }),
  )
  const current = `${name}@${gateway.name}`
  if (merge) {
    const { mergeKubeconfig, userKubeconfig } = await import('./kubeconfig/merge.ts')
    const file = text(options, 'kubeconfig') ?? userKubeconfig(context.env, context.paths.home)
    const { backup } = mergeKubeconfig(file, entries, new Date())
    context.say(backup === undefined ? `wrote ${file}` : `added to ${file}; the file as it was: ${backup}`)
    context.output.raw(`kubectl config use-context ${current}\n`)
    return exitCodes.done
  }
  const file = resolve(out ?? join(context.paths.config, 'kubeconfigs', `${gateway.name}.yaml`))
  replacePrivately(file, await renderKubeconfig(entries, current))
  context.say(`# contexts: ${entries.map(entry => entry.name).join(', ')}`)
  context.output.raw(`${exportLine('KUBECONFIG', file, context.env)}\n`)
  return exitCodes.done
}

async function unknown(name: string, known: readonly string[]): Promise<Failure> {
  const { didYouMean } = await import('../documents/suggest.ts')
  return new Failure({
    exitCode: exitCodes.failed,
    what: `there is no connection ${name} that you may use${didYouMean(name, known)}`,
    check: known.length === 0 ? 'you may use none' : `you may use ${known.join(', ')}`,
    next: 'list yours: sallyport connection list',
  })
}
