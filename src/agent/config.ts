import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import { API_VERSION, UPSTREAM_PREFIX } from '../brand.ts'
import { type CeilingSpec, ceilingSchema } from './ceiling/schema.ts'

const kubeconfig = z.strictObject({
  kubeconfig: z.strictObject({
    /** Absent: `$KUBECONFIG`, else `~/.kube/config`. */
    path: z.string().min(1).optional(),
    /** Absent: the current context. */
    context: z.string().min(1).optional(),
    allowInsecureSkipTlsVerify: z.boolean().optional(),
  }),
})
const inCluster = z.strictObject({
  inCluster: z.strictObject({
    /** Holds `token` and `ca.crt`. Absent: where the kubelet mounts the pod's own service account. */
    directory: z.string().startsWith('/').optional(),
  }),
})
const credential = z.union([kubeconfig, inCluster], {
  error: 'a credential is either kubeconfig: {path, context} or inCluster: {directory}',
})

const namespace = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'not a namespace name')
/** RBAC allows more; these are what can be told apart in every place where they are written. */
const roleName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9.:_-]{0,251}[a-z0-9])?$/i, 'not the name of a role')
  .refine(name => name !== 'cluster-admin', 'must not be bound through a gateway')
const ours = z
  .string()
  .max(253)
  .refine(
    name => name.startsWith(UPSTREAM_PREFIX) && name.length > UPSTREAM_PREFIX.length,
    `must begin with ${UPSTREAM_PREFIX}`,
  )

/** What the binder may bind, at most: the manifests give it these rights and no more. */
const mayBind = z
  .strictObject({
    clusterRoles: z.array(roleName).min(1).optional(),
    roles: z
      .array(z.strictObject({ namespace, name: roleName }))
      .min(1)
      .optional(),
    /** Only in these namespaces, and nothing cluster-wide. Absent: everywhere. */
    namespaces: z.array(namespace).min(1).optional(),
    /** Role by role, each in places of its own; a clusterRole without namespaces: everywhere. */
    grants: z
      .array(
        z
          .strictObject({
            clusterRole: roleName.optional(),
            role: roleName.optional(),
            namespaces: z.array(namespace).min(1).optional(),
          })
          .refine(
            grant => (grant.clusterRole === undefined) !== (grant.role === undefined),
            'names a clusterRole or a role',
          )
          .refine(
            grant => grant.role === undefined || grant.namespaces !== undefined,
            'a role needs namespaces',
          ),
      )
      .min(1)
      .optional(),
  })
  .refine(
    may => may.clusterRoles !== undefined || may.roles !== undefined || may.grants !== undefined,
    'must name a role',
  )

const connection = z.strictObject({
  name: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a connection name is a DNS label'),
  upstreamIdentity: z.enum(['principal', 'session', 'serviceaccount']).default('principal'),
  /**
   * Service accounts of this cluster that may be impersonated under their own names (upstreamIdentity principal):
   * `namespace/name` or `namespace/*`. True: all but those of namespaces that begin with kube- or sallyport.
   */
  serviceAccounts: z
    .union([
      z.boolean(),
      z
        .array(
          z
            .string()
            .regex(
              /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\/(\*|[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)$/,
              'write namespace/name or namespace/*',
            ),
        )
        .min(1),
    ])
    .default(false),
  /** The only upstream groups and users that may be impersonated. Absent: all with our prefix. */
  groups: z.array(ours).min(1).optional(),
  users: z.array(ours).min(1).optional(),
  credential,
  /** A second credential, for just-in-time bindings only; another identity than the first. */
  binder: credential.optional(),
  mayBind: mayBind.optional(),
  ceiling: ceilingSchema.optional(),
})
const connections = z
  .array(
    connection.refine(one => (one.binder === undefined) === (one.mayBind === undefined), {
      message: 'binder and mayBind belong together',
    }),
  )
  .min(1)

export const agentConfigSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('AgentConfig'),
  /** `https://host:port` of the gateway. */
  gateway: z.string(),
  /** Holds the agent's key and certificate. Relative paths start from the configuration file. */
  dataDir: z.string().min(1),
  /** File with the enrolment token; needed until the agent has enrolled. */
  tokenFile: z.string().min(1).optional(),
  /** Tunnel connections held in parallel. */
  tunnels: z.number().int().min(1).max(8).default(2),
  /** The agent cosigns the checkpoints of the gateway's log, so that the gateway cannot rewrite it unseen. */
  witness: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** Verifier keys of the logs. Empty: the first that the gateway shows for a log is believed, and no other after it. */
      logs: z.array(z.string().min(1)).max(64).default([]),
    })
    .default({ enabled: true, logs: [] }),
  /** Holds for all connections, on top of their own. */
  ceiling: ceilingSchema.optional(),
  connections,
})

export type CredentialSpec = z.infer<typeof credential>
export type AgentConfig = Omit<z.infer<typeof agentConfigSchema>, 'gateway'> & {
  readonly gateway: { readonly host: string; readonly port: number }
}
export type { CeilingSpec }

/** Reads an agent's configuration file. Throws an Error with one `file:line:column: message` a line. */
export async function readAgentConfig(path: string): Promise<AgentConfig> {
  const config = parseAgentConfig(await readFile(path, 'utf8'), path)
  const folder = dirname(resolve(path))
  return {
    ...config,
    dataDir: resolve(folder, config.dataDir),
    ...(config.tokenFile === undefined ? {} : { tokenFile: resolve(folder, config.tokenFile) }),
  }
}

export function parseAgentConfig(text: string, file: string): AgentConfig {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  if (document.errors.length > 0) {
    throw new Error(
      document.errors.map(fault => `${at(fault.pos[0])}: not valid YAML (${fault.code})`).join('\n'),
    )
  }
  const parsed = agentConfigSchema.safeParse(document.toJS({ maxAliasCount: 0 }))
  const problems = parsed.success ? [] : parsed.error.issues
  if (!parsed.success) {
    const texts = problems.map(issue => {
      const key = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined
      const where = offsetOf(document, issue.path, key)
      const path = issue.path.join('.')
      return `${at(where)}: ${path === '' ? '' : `${path}: `}${issue.message}`
    })
    throw new Error(texts.join('\n'))
  }
  const names = parsed.data.connections.map(one => one.name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw new Error(`${file}: connection ${twice} is there twice`)
  return { ...parsed.data, gateway: parseGateway(parsed.data.gateway, file) }
}

function parseGateway(text: string, file: string): { host: string; port: number } {
  const url = URL.parse(text)
  const plain =
    url !== null && url.pathname === '/' && url.search === '' && url.username === '' && url.hash === ''
  if (!plain || url.protocol !== 'https:') throw new Error(`${file}: gateway must be https://host:port`)
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 443 : Number(url.port),
  }
}

/** Where in the text the deepest part of `path` that exists stands; with `key`, that key itself. */
function offsetOf(
  document: ReturnType<typeof parseDocument>,
  path: readonly PropertyKey[],
  key: string | undefined,
): number {
  for (let depth = path.length; depth >= 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true)
    if (key !== undefined && isMap(node)) {
      const pair = node.items.find(item => isScalar(item.key) && item.key.value === key)
      if (isScalar(pair?.key) && pair.key.range) return pair.key.range[0]
    }
    const range = (node as { range?: [number, number, number] | null } | undefined)?.range
    if (range) return range[0]
  }
  return 0
}
