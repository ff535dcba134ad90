import { z } from 'zod'
import { API_VERSION, UPSTREAM_PREFIX } from '../../brand.ts'
import { principalsSchema } from './policy.ts'
import { dnsNameSchema, durationSchema, lineSchema, metadataSchema, nameSchema, someOf } from './scalars.ts'

const principalGroup = lineSchema
  .min(1)
  .refine(group => !group.startsWith('system:'), 'must not begin with system:, no principal has such a group')

const upstreamGroup = lineSchema
  .refine(group => !group.startsWith('system:'), 'must not be a system: group')
  .refine(
    group => group.startsWith(UPSTREAM_PREFIX) && group.length > UPSTREAM_PREFIX.length,
    `must begin with ${UPSTREAM_PREFIX}`,
  )

/** RBAC allows more; these are what the agent binds (`src/agent/config.ts`). */
const roleName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9.:_-]{0,251}[a-z0-9])?$/i, 'must be the name of a role')
  .refine(name => name !== 'cluster-admin', 'must not be cluster-admin: no session gets everything')

const namespaceName = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    'must be the exact name of a namespace; there are no patterns',
  )

const bindingSchema = z
  .strictObject({
    /** A group of the principal, exact. */
    group: principalGroup.optional(),
    principals: principalsSchema.optional(),
    /** CEL over principal, connection and now. */
    when: z.string().min(1).max(4096).optional(),
    clusterRole: roleName.optional(),
    role: roleName.optional(),
    namespaces: someOf(namespaceName, 32).optional(),
    /** In every namespace, and on what is in none. */
    clusterWide: z.literal(true).optional(),
  })
  .superRefine((binding, context) => {
    const complain = (message: string): void => context.addIssue({ code: 'custom', path: [], message })
    const { group, principals, when, clusterRole, role, namespaces, clusterWide } = binding
    if (group === undefined && principals === undefined && when === undefined)
      complain('must say who: group, principals or when')
    if ((clusterRole === undefined) === (role === undefined)) complain('must name a clusterRole or a role')
    if ((namespaces === undefined) === (clusterWide === undefined))
      complain('must say where: namespaces, or clusterWide: true')
    if (role !== undefined && clusterWide !== undefined)
      complain('a role is of a namespace: name namespaces, or a clusterRole')
  })

/** Where the embedded agent finds a credential. A path, never a credential. */
const credentialPlace = {
  kubeconfig: lineSchema.min(1).optional(),
  context: lineSchema.min(1).optional(),
}

export const connectionDocumentSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Connection'),
  metadata: metadataSchema,
  spec: z.strictObject({
    type: z.literal('kubernetes').optional(),
    description: lineSchema.optional(),
    /** Host names under which the connection is reachable without a path prefix. */
    hosts: someOf(dnsNameSchema, 50).optional(),
    /** Agents that may serve it, in order of preference; `embedded` is the one in the gateway's process. */
    agents: someOf(nameSchema, 50),
    upstreamIdentity: z.enum(['principal', 'session', 'serviceaccount']).optional(),
    groupMappings: someOf(
      z.strictObject({ group: principalGroup, upstream: someOf(upstreamGroup, 100) }),
    ).optional(),
    serviceAccounts: z
      .strictObject({
        enabled: z.boolean().optional(),
        alsoFrom: someOf(nameSchema, 50).optional(),
        audiences: someOf(lineSchema.min(1), 50).optional(),
      })
      .optional(),
    capture: z.enum(['full', 'metadata']).optional(),
    session: z
      .strictObject({
        idle: durationSchema.optional(),
        maximum: durationSchema.optional(),
        /** Bindings of a session are gone at most so long after gateway and agent were lost: 10s to 15m. */
        lease: durationSchema.optional(),
      })
      .optional(),
    /** Roles that a session gets while it lives (upstreamIdentity session or serviceaccount). */
    bindings: someOf(bindingSchema, 200).optional(),
    /** Warnings of ours in answers, which kubectl prints; on unless switched off. */
    warnings: z.enum(['on', 'off']).optional(),
    /** For the embedded agent only: where its credential is found. A path, never a credential. */
    kubernetes: z
      .strictObject({
        ...credentialPlace,
        inCluster: z.boolean().optional(),
        /** A second credential, for bindings only; another identity than the first. */
        binder: z
          .strictObject(credentialPlace)
          .refine(b => b.kubeconfig !== undefined || b.context !== undefined, {
            message: 'must name a kubeconfig or a context',
          })
          .optional(),
      })
      .refine(k => k.inCluster !== true || (k.kubeconfig === undefined && k.context === undefined), {
        message: 'inCluster and kubeconfig exclude each other',
      })
      .refine(k => k.inCluster === true || k.kubeconfig !== undefined || k.context !== undefined, {
        message: 'must name a kubeconfig, a context, or inCluster: true',
      })
      .optional(),
  }),
})

export type ConnectionDocument = z.infer<typeof connectionDocumentSchema>
