import { z } from 'zod'
import { API_VERSION } from '../../brand.ts'
import { parseDuration } from '../duration.ts'
import { mailKind } from './channel-mail.ts'
import { trackerKinds } from './channel-trackers.ts'
import {
  caSchema,
  durationSchema,
  lineSchema,
  metadataSchema,
  secretReferenceSchema,
  someOf,
  urlSchema,
} from './scalars.ts'

/** For an address that is itself a secret, and stands elsewhere. */
export function isChannelUrl(text: string): boolean {
  return urlSchema.safeParse(text).success
}

const glob = lineSchema.min(1).max(253)

/** One of these says what kind of channel it is. */
const kinds = {
  webhook: z.strictObject({
    url: urlSchema,
    secret: secretReferenceSchema,
    /** What was the secret before, and is still taken from others. */
    formerSecret: secretReferenceSchema.optional(),
    ca: caSchema.optional(),
  }),
  slack: z.strictObject({
    /** Id of the conversation. */
    channel: z.string().regex(/^[CG][A-Z0-9]{1,30}$/, 'must be the id of a conversation, such as C0123ABCD'),
    token: secretReferenceSchema,
    signingSecret: secretReferenceSchema,
    formerSigningSecret: secretReferenceSchema.optional(),
    apiUrl: urlSchema.optional(),
    ca: caSchema.optional(),
  }),
  teams: z.strictObject({
    /** Whoever knows the address of a workflow can post: it is a secret. */
    url: secretReferenceSchema,
    ca: caSchema.optional(),
  }),
  ...trackerKinds,
  mail: mailKind,
}

const names = Object.keys(kinds) as readonly (keyof typeof kinds)[]
const optional = Object.fromEntries(names.map(name => [name, kinds[name].optional()])) as {
  [K in keyof typeof kinds]: z.ZodOptional<(typeof kinds)[K]>
}

/** Where people are told of approvals, and where some of them decide. */
export const channelDocumentSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Channel'),
  metadata: metadataSchema,
  spec: z
    .strictObject({
      /** Only what these rules hold, as `policy/rule`; left out: all. */
      rules: someOf(glob, 100).optional(),
      /** Only of these connections; left out: all. */
      connections: someOf(glob, 100).optional(),
      /** How long after a sign-in linked people may decide from it; left out: 12h. */
      signInWithin: durationSchema
        .refine(text => isBetween(text, 300_000, 7 * 86_400_000), 'must be from 5m to 7d')
        .optional(),
      ...optional,
    })
    .refine(
      spec => names.filter(name => spec[name] !== undefined).length === 1,
      `must have exactly one of ${names.join(', ')}`,
    ),
})

function isBetween(text: string, least: number, most: number): boolean {
  const milliseconds = parseDuration(text)
  // What is no duration at all is told as such.
  return milliseconds === undefined || (milliseconds >= least && milliseconds <= most)
}

export type ChannelDocument = z.infer<typeof channelDocumentSchema>
