import { createInterface } from 'node:readline/promises'
import type { ApplyResult } from '../api/schema/documents.ts'
import { API_VERSION } from '../brand.ts'
import { flag, type Options, type Run, text, texts } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'
import { toYaml } from './output/yaml.ts'

/** Prints the document, asks, applies. Never overwrites a connection: that is what `apply` is for. */
export const run: Run = async (context, [name = ''], options) => {
  const document = documentOf(name, options)
  const manifest = toYaml(document)
  context.output.raw(manifest)
  const yes = flag(options, 'yes')
  if (!yes && process.stdin.isTTY !== true) {
    context.warn('nothing was applied: give --yes, or pipe the document into: sallyport apply -f -')
    return exitCodes.done
  }
  if (!yes && !(await agreed())) {
    context.warn('nothing was applied')
    return exitCodes.done
  }
  const client = await context.client()
  const body = {
    sources: [{ file: `connection ${name}`, text: manifest }],
    versions: { [`Connection/${name}`]: 0 },
  }
  await client.post<ApplyResult>('/v1/documents/apply', { body })
  context.say(`# connection ${name} added`)
  const agents = document.spec.agents.filter(agent => agent !== 'embedded')
  for (const agent of agents)
    context.say(`# if agent ${agent} has not enrolled: sallyport agent token ${agent}`)
  return exitCodes.done
}

function documentOf(name: string, options: Options) {
  const agents = texts(options, 'agent')
  const [kubeconfig, kubeContext] = [text(options, 'kubeconfig'), text(options, 'context')]
  const embedded = agents.length === 0 || agents.includes('embedded')
  if (!embedded && (kubeconfig !== undefined || kubeContext !== undefined)) {
    throw usage(
      '--kubeconfig and --context are for the embedded agent; other agents have their own configuration',
    )
  }
  if (embedded && kubeconfig === undefined && kubeContext === undefined) {
    throw usage(
      'the embedded agent needs a credential: --kubeconfig FILE or --context NAME, or name another --agent',
    )
  }
  const mappings = new Map<string, string[]>()
  for (const mapping of texts(options, 'map')) {
    const at = mapping.lastIndexOf('=')
    if (at < 1) throw usage(`--map takes group=upstream, not ${mapping}`)
    const group = mapping.slice(0, at)
    mappings.set(group, [...(mappings.get(group) ?? []), mapping.slice(at + 1)])
  }
  const hosts = texts(options, 'host')
  const optional = (key: string, value: string | undefined): object =>
    value === undefined ? {} : { [key]: value }
  return {
    apiVersion: API_VERSION,
    kind: 'Connection',
    metadata: { name },
    spec: {
      type: 'kubernetes',
      ...optional('description', text(options, 'description')),
      agents: agents.length === 0 ? ['embedded'] : [...agents],
      ...(hosts.length === 0 ? {} : { hosts: [...hosts] }),
      ...optional('upstreamIdentity', text(options, 'upstreamIdentity')),
      ...(mappings.size === 0
        ? {}
        : { groupMappings: [...mappings].map(([group, upstream]) => ({ group, upstream })) }),
      ...(flag(options, 'serviceAccounts') ? { serviceAccounts: { enabled: true } } : {}),
      ...(embedded
        ? { kubernetes: { ...optional('kubeconfig', kubeconfig), ...optional('context', kubeContext) } }
        : {}),
    },
  }
}

async function agreed(): Promise<boolean> {
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await prompt.question('apply it? [y/N] ')).trim())
  } finally {
    prompt.close()
  }
}
