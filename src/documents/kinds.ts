import type { z } from 'zod'
import { type ChannelDocument, channelDocumentSchema } from './schema/channel.ts'
import { type ConnectionDocument, connectionDocumentSchema } from './schema/connection.ts'
import { type IdentityProviderDocument, identityProviderDocumentSchema } from './schema/identity-provider.ts'
import { type MaskingRulesDocument, maskingRulesDocumentSchema } from './schema/masking-rules.ts'
import { type PersonDocument, personDocumentSchema } from './schema/person.ts'
import { type PolicyDocument, policyDocumentSchema } from './schema/policy.ts'

/** What an operator configures the gateway with. */
export type ConfigDocument =
  | ChannelDocument
  | ConnectionDocument
  | IdentityProviderDocument
  | MaskingRulesDocument
  | PersonDocument
  | PolicyDocument
export type DocumentKind = ConfigDocument['kind']

export type KindTable = Readonly<Record<string, z.ZodType>>

/** Kinds of the gateway's configuration and the schema of each. Null-prototype: a kind named `constructor` is unknown. */
export const documentKinds: Readonly<Record<DocumentKind, z.ZodType>> = Object.freeze(
  Object.assign(Object.create(null) as object, {
    Channel: channelDocumentSchema,
    Connection: connectionDocumentSchema,
    IdentityProvider: identityProviderDocumentSchema,
    MaskingRules: maskingRulesDocumentSchema,
    Person: personDocumentSchema,
    Policy: policyDocumentSchema,
  }),
)
