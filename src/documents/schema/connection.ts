import { z } from 'zod'
import { API_VERSION, UPSTREAM_PREFIX } from '../../brand.ts'
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
      .strictObject({ idle: durationSchema.optional(), maximum: durationSchema.optional() })
      .optional(),
    /** Warnings of ours in answers, which kubectl prints; on unless switched off. */
    warnings: z.enum(['on', 'off']).optional(),
    /** For the embedded agent only: where its credential is found. A path, never a credential. */
    kubernetes: z
      .strictObject({
        kubeconfig: lineSchema.min(1).optional(),
        context: lineSchema.min(1).optional(),
        inCluster: z.boolean().optional(),
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
