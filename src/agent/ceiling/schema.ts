import { z } from 'zod'

const namespace = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'not a namespace name')
const resource = z
  .string()
  .regex(
    /^(\*|[a-z0-9-]+)(\.(\*|[a-z0-9.-]+))?(\/(\*|[a-z0-9-]+))?$/,
    'not a resource: write pods, pods/log, deployments.apps, *.apps or *',
  )

/** The ceiling as the operator writes it; every field narrows, an absent one does not. */
export const ceilingSchema = z.strictObject({
  /** get, list and watch only (and asking what oneself may do). */
  readOnly: z.boolean().optional(),
  /** No exec, attach, port-forward, proxy and ephemeral containers. */
  noExec: z.boolean().optional(),
  /** Only these; requests over all namespaces and cluster-wide objects need `clusterScoped`. */
  namespaces: z.array(namespace).min(1).optional(),
  clusterScoped: z.boolean().optional(),
  verbs: z
    .array(z.enum(['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection']))
    .min(1)
    .optional(),
  resources: z.array(resource).min(1).optional(),
  /** A plain name covers its subresources too. */
  deniedResources: z.array(resource).optional(),
  /** Beside discovery, OpenAPI, version and health, which can always be read. `*` at the end matches any rest. */
  nonResourcePaths: z.array(z.string().startsWith('/')).optional(),
})

export type CeilingSpec = z.infer<typeof ceilingSchema>
