import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { parse } from 'yaml'
import { API_GROUP } from '../brand.ts'

/** Which cluster `up` connects to. The user's kubeconfig is read here and nowhere written. */
export type ClusterChoice =
  | { readonly kind: 'kubeconfig'; readonly file: string; readonly context: string; readonly why: string }
  | { readonly kind: 'demo'; readonly why: string }

export interface ChoiceInput {
  readonly kubeconfig?: string | undefined
  readonly context?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home?: string
}

interface KubeconfigFacts {
  readonly current: string
  readonly contexts: readonly string[]
  readonly ours: boolean
}

/**
 * In kubectl's own order: the flag, `KUBECONFIG`, `~/.kube/config`. A kubeconfig that we wrote ourselves does not
 * count, or a second `up` in the same shell would connect the gateway to itself. Without any cluster: the demo one.
 * Throws when something was named that cannot be used.
 */
export function chooseCluster(input: ChoiceInput): ClusterChoice {
  if (input.kubeconfig !== undefined) {
    const facts = readFacts(input.kubeconfig)
    if (facts.ours)
      throw new Error(
        `${input.kubeconfig} was written by Sallyport; name the kubeconfig of the cluster itself`,
      )
    return chosen(input.kubeconfig, facts, input.context, 'named by --kubeconfig')
  }
  const listed = (input.env.KUBECONFIG ?? '').split(delimiter).filter(file => file !== '')
  const files = listed.length > 0 ? listed : [join(input.home ?? homedir(), '.kube', 'config')]
  for (const file of files) {
    if (!existsSync(file)) continue
    const facts = readFacts(file)
    if (facts.ours || (facts.current === '' && input.context === undefined)) continue
    if (input.context !== undefined && !facts.contexts.includes(input.context)) continue
    return chosen(file, facts, input.context, listed.length > 0 ? 'from KUBECONFIG' : 'your current context')
  }
  if (input.context !== undefined) throw new Error(`no kubeconfig has a context named ${input.context}`)
  return { kind: 'demo', why: 'no kubeconfig with a current context was found' }
}

function chosen(
  file: string,
  facts: KubeconfigFacts,
  context: string | undefined,
  why: string,
): ClusterChoice {
  const name = context ?? facts.current
  if (name === '') throw new Error(`${file} has no current context; choose one with --context`)
  if (!facts.contexts.includes(name)) throw new Error(`${file} has no context named ${name}`)
  return { kind: 'kubeconfig', file, context: name, why }
}

function readFacts(file: string): KubeconfigFacts {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new Error(`cannot read the kubeconfig ${file}: ${(error as NodeJS.ErrnoException).code ?? error}`)
  }
  let document: unknown
  try {
    document = parse(text)
  } catch {
    // The parser's message quotes the file, and a kubeconfig holds credentials.
    throw new Error(`${file} is not valid YAML`)
  }
  const config = (document ?? {}) as Record<string, unknown>
  const contexts = Array.isArray(config.contexts) ? config.contexts : []
  const extensions = Array.isArray(config.extensions) ? config.extensions : []
  return {
    current: typeof config['current-context'] === 'string' ? config['current-context'] : '',
    contexts: contexts.map(c => String((c as { name?: unknown }).name ?? '')),
    ours: extensions.some(e => (e as { name?: unknown }).name === API_GROUP),
  }
}

/** A context name as a connection name: a DNS label of at most 63 characters. */
export function connectionNameOf(context: string): string {
  const label = context
    .toLowerCase()
    .replace(/^arn:aws:eks:[^:]*:[^:]*:cluster\//, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63)
    .replace(/-+$/, '')
  return label === '' ? 'cluster' : label
}
