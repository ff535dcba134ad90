import type { Connection } from '../connections/connection.ts'
import { readSources } from './client/sources.ts'
import { type Run, text, texts } from './frame/context.ts'
import { exitCodes, Failure, usage } from './frame/failure.ts'
import { problemLines } from './output/problems.ts'

/** Offline: from documents and the agent's configuration to what `kubectl apply` takes. */
export const run: Run = async (context, _args, options) => {
  const files = texts(options, 'filename')
  const configFile = text(options, 'config')
  if (files.length === 0 && configFile === undefined) {
    throw usage('agent manifests needs -f FILE with a Connection document, or --config FILE of the agent')
  }
  const [{ readAgentConfig }, { manifestInput }, { renderManifests }] = await Promise.all([
    import('../agent/config.ts'),
    import('../agent/manifests/input.ts'),
    import('../agent/manifests/render.ts'),
  ])
  const minor = minorOf(text(options, 'serverVersion') ?? '1.30')
  const documents = await readConnections(files)
  try {
    const config = configFile === undefined ? undefined : await readAgentConfig(configFile)
    const connection = chosen(text(options, 'connection'), [
      ...documents.map(one => one.name),
      ...(config?.connections ?? []).map(one => one.name),
    ])
    const clusterRoles = texts(options, 'bind')
    const input = manifestInput({
      connection,
      namespace: text(options, 'namespace') ?? 'sallyport-system',
      minor,
      document: documents.find(one => one.name === connection),
      configured: config?.connections.find(one => one.name === connection),
      ceiling: config?.ceiling,
      mayBind: clusterRoles.length === 0 ? undefined : bindable(clusterRoles),
      deployment: deploymentOf(text(options, 'image'), text(options, 'gatewayUrl')),
    })
    context.output.raw(renderManifests(input))
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure({
      exitCode: exitCodes.failed,
      what: error instanceof Error ? error.message : String(error),
    })
  }
  return exitCodes.done
}

async function readConnections(files: readonly string[]): Promise<Connection[]> {
  if (files.length === 0) return []
  const [{ parseDocuments }, { toConnection }] = await Promise.all([
    import('../documents/parse.ts'),
    import('../documents/to-connection.ts'),
  ])
  const { documents, problems } = parseDocuments(readSources(files))
  const errors = problems.filter(problem => problem.severity === 'error')
  if (errors.length > 0) {
    const what = 'the documents are not in order'
    throw new Failure({ exitCode: exitCodes.failed, what, places: problemLines(errors) })
  }
  return documents.flatMap(({ document }) => (document.kind === 'Connection' ? [toConnection(document)] : []))
}

function minorOf(version: string): number {
  const match = /^v?1\.(\d{1,3})(\.|\+|$)/.exec(version)
  if (match === null) throw usage(`--server-version takes 1.36, not ${version}`)
  return Number(match[1])
}

function chosen(asked: string | undefined, names: readonly string[]): string {
  const distinct = [...new Set(names)]
  if (asked !== undefined) {
    if (!distinct.includes(asked)) throw usage(`there is no connection ${asked} in these files`)
    return asked
  }
  const [only, ...others] = distinct
  if (only === undefined) throw usage('these files hold no connection')
  if (others.length > 0) throw usage(`name one connection with -c: ${distinct.join(', ')}`)
  return only
}

function bindable(names: readonly string[]): { clusterRoles: string[] } {
  const wrong = names.find(
    name => name === 'cluster-admin' || !/^[A-Za-z0-9][A-Za-z0-9.:_-]{0,252}$/.test(name),
  )
  if (wrong !== undefined) throw usage(`--bind ${wrong}: not a role that may be bound through a gateway`)
  return { clusterRoles: [...names] }
}

function deploymentOf(
  image: string | undefined,
  gateway: string | undefined,
): { image: string; gateway: string } | undefined {
  if (image === undefined && gateway === undefined) return undefined
  if (image === undefined || gateway === undefined) throw usage('--image and --gateway-url belong together')
  if (!/^[A-Za-z0-9][A-Za-z0-9./:@_-]{0,500}$/.test(image)) throw usage('--image is no image reference')
  if (!URL.canParse(gateway) || new URL(gateway).protocol !== 'https:')
    throw usage('--gateway-url must be https://host:port')
  return { image, gateway: new URL(gateway).origin }
}
