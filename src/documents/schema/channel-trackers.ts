import { z } from 'zod'
import { caSchema, lineSchema, secretReferenceSchema, urlSchema } from './scalars.ts'

const OWN_FIELDS = new Set([
  ...['short_description', 'description', 'comments', 'work_notes'],
  ...['correlation_id', 'correlation_display'],
])

/** Of a server; paths are put behind it. */
const serverSchema = urlSchema.refine(
  url => !url.includes('?') && !url.endsWith('/'),
  'must be without query, and without a slash at its end',
)
const word = lineSchema.min(1).max(200)
const noColon = word.refine(name => !name.includes(':'), 'must not hold a colon')

/** Fields of a record that the operator sets; what the gateway writes itself is not among them. */
const recordFields = z
  .record(
    z
      .string()
      .regex(/^[a-z][a-z0-9_]{0,79}$/, 'must be the name of a field')
      .refine(
        name => !name.startsWith('sys_') && !OWN_FIELDS.has(name),
        `must be none of sys_…, ${[...OWN_FIELDS].join(', ')}: they are the gateway's`,
      ),
    lineSchema,
  )
  .refine(fields => Object.keys(fields).length <= 20, 'must name at most 20 fields')

/** Channels that are read: rooms and trackers whose people decide there. */
export const trackerKinds = {
  roundup: z.strictObject({
    url: serverSchema,
    /** Login name of the gateway's own user there. */
    user: noColon,
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
    user: noColon,
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
  servicenow: z
    .strictObject({
      url: serverSchema,
      /** Login name of the gateway's own user, also with a token. */
      user: noColon,
      password: secretReferenceSchema.optional(),
      /** Client credentials of an application that acts as this user. */
      oauth: z.strictObject({ clientId: word, clientSecret: secretReferenceSchema }).optional(),
      table: z.string().regex(/^[a-z][a-z0-9_]{0,79}$/, 'must be the name of a table, such as u_approval'),
      fields: recordFields.optional(),
      closedFields: recordFields.optional(),
      decisions: z
        .strictObject({
          approverGroup: z
            .string()
            .regex(/^[0-9a-f]{32}$/, 'must be the sys_id of a group: 32 hexadecimal digits')
            .optional(),
        })
        .optional(),
      wakeSecret: secretReferenceSchema.optional(),
      ca: caSchema.optional(),
    })
    .refine(
      one => (one.password === undefined) !== (one.oauth === undefined),
      'must have exactly one of password, oauth',
    ),
}
