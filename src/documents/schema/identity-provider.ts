import { z } from 'zod'
import { API_VERSION, UPSTREAM_PREFIX } from '../../brand.ts'
import { parseDuration } from '../duration.ts'
import {
  caSchema,
  durationSchema,
  lineSchema,
  metadataSchema,
  secretReferenceSchema,
  someOf,
} from './scalars.ts'

/** Asymmetric only: with a shared secret every reader of the secret could mint identities. */
const algorithmSchema = z.enum([
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
])

/** https, or http on loopback for tests and demos. Compared byte for byte with `iss`. */
const issuerSchema = z
  .string()
  .max(1024)
  .regex(
    /^(?:https:\/\/[A-Za-z0-9.\-[\]:]+|http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?)(?:\/[^\s?#\\]*)?$/,
    'must be an https URL without query or fragment (http only on loopback)',
  )

const prefixSchema = lineSchema
  .min(2)
  .refine(p => p.endsWith(':'), 'must end with a colon, such as corp:')
  .refine(
    p => !['system:', 'local:', UPSTREAM_PREFIX].some(taken => p.startsWith(taken)),
    `must not begin with system:, local: or ${UPSTREAM_PREFIX}`,
  )

const claim = lineSchema.min(1).max(200)

export const identityProviderDocumentSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('IdentityProvider'),
  metadata: metadataSchema,
  spec: z.strictObject({
    displayName: lineSchema.optional(),
    oidc: z.strictObject({
      issuer: issuerSchema,
      audiences: someOf(lineSchema.min(1), 50),
      algorithms: someOf(algorithmSchema, 20).optional(),
      /** Put before every user and group name of this issuer. */
      prefix: prefixSchema,
      claims: z
        .strictObject({
          username: claim.optional(),
          groups: claim.optional(),
          email: claim.optional(),
          displayName: claim.optional(),
        })
        .optional(),
      /** Further claims that rules may look at (`principals.claims`); what is not named here is dropped. */
      carriedClaims: someOf(claim, 20).optional(),
      /** Claims that say who set a job going: he approves nothing that it asks for. A token must have one of them. */
      startedBy: someOf(claim, 5).optional(),
      clockSkew: durationSchema
        .refine(text => (parseDuration(text) ?? 0) <= 300_000, 'must be at most 5m')
        .optional(),
      /** Oldest `iat` that is still accepted. */
      maxAge: durationSchema.optional(),
      ca: caSchema.optional(),
      /** Claims that a token must carry with this value, or one of these; e.g. the repositories of a CI issuer. */
      requiredClaims: z
        .record(z.string().min(1).max(200), z.union([lineSchema, someOf(lineSchema, 100)]))
        .optional(),
      /** What the subjects of this issuer are; left out: persons. */
      principalKind: z.enum(['person', 'job', 'agent']).optional(),
      /** How people sign in; without it the issuer's tokens are accepted, but nobody can be sent there. */
      login: z
        .strictObject({
          clientId: lineSchema.min(1),
          clientSecret: secretReferenceSchema.optional(),
          scopes: someOf(lineSchema.min(1), 50).optional(),
        })
        .optional(),
    }),
  }),
})

export type IdentityProviderDocument = z.infer<typeof identityProviderDocumentSchema>
