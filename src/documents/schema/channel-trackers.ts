import { z } from 'zod'
import { caSchema, lineSchema, secretReferenceSchema, urlSchema } from './scalars.ts'

/** Of a server; paths are put behind it. */
const serverSchema = urlSchema.refine(
  url => !url.includes('?') && !url.endsWith('/'),
  'must be without query, and without a slash at its end',
)
const word = lineSchema.min(1).max(200)

/** Channels that are read: rooms and trackers whose people decide there. */
export const trackerKinds = {
  roundup: z.strictObject({
    url: serverSchema,
    /** Login name of the gateway's own user there. */
    user: word.refine(name => !name.includes(':'), 'must not hold a colon'),
    password: secretReferenceSchema,
    ca: caSchema.optional(),
    priority: word.optional(),
    closedStatus: word.optional(),
    decisions: z.boolean().optional(),
  }),
  matrix: z.strictObject({
    url: serverSchema,
    room: word.regex(/^![^\s/?#]+$/, 'must be the id of a room: it begins with an exclamation mark'),
    accessToken: secretReferenceSchema,
    ca: caSchema.optional(),
    decisions: z.boolean().optional(),
  }),
  jira: z.strictObject({
    url: serverSchema,
    /** Mail address of the gateway's own account. */
    user: word.refine(name => !name.includes(':'), 'must not hold a colon'),
    apiToken: secretReferenceSchema,
    project: word.regex(/^[A-Z][A-Z0-9_]*$/, 'must be the key of a project, such as OPS'),
    issueType: word,
    waitingStatus: word,
    decisions: z
      .strictObject({ approvedStatus: word, deniedStatus: word })
      .refine(one => one.approvedStatus !== one.deniedStatus, 'must name two different statuses')
      .optional(),
    closedStatus: word.optional(),
    webhookSecret: secretReferenceSchema.optional(),
    ca: caSchema.optional(),
  }),
}
