import { z } from 'zod'
import { agentsSchema, removedSchema, tokenSchema } from './agents.ts'
import {
  approvalEnvelope,
  approvalStatsSchema,
  approvalsSchema,
  grantEnvelope,
  grantsSchema,
} from './approvals.ts'
import {
  auditDetailSchema,
  auditListSchema,
  auditProofsSchema,
  auditRowSchema,
  maskReportSchema,
} from './audit.ts'
import { linksSchema, unlinkedSchema } from './channels.ts'
import { apiVersionSchema, timeSchema } from './common.ts'
import { delegationEnvelope, delegationsSchema } from './delegations.ts'
import {
  appliedSchema,
  checkedSchema,
  documentsSchema,
  explainedSchema,
  historySchema,
  replayedSchema,
  suggestedSchema,
  testedSchema,
} from './documents.ts'
import {
  connectionReportSchema,
  connectionsSchema,
  revokedSchema,
  signedInSchema,
  whoamiSchema,
} from './identity.ts'
import { maskingInForceSchema, maskingTestSchema } from './masking.ts'
import {
  holdEnvelope,
  holdsSchema,
  revealEnvelope,
  revealedSchema,
  revealsSchema,
  revelationSchema,
  shredEnvelope,
  shredsSchema,
} from './reveals.ts'
import { endedSchema, sessionEnvelope, sessionsSchema } from './sessions.ts'
import { statusSchema } from './status.ts'

/**
 * What commands print with `-o json` and `-o yaml`, by kind. Published as docs/reference/output.schema.json: within an
 * apiVersion a field that is there stays, and means the same. `get KIND NAME` prints the document itself instead
 * (docs/reference/documents.md), `credential` what client-go asks for.
 */
const count = z.number().int()

const check = z.object({
  check: z.string(),
  level: z.enum(['ok', 'note', 'warning', 'failed']),
  text: z.string(),
  cure: z.string().optional(),
})

const error = z.object({
  code: z.string(),
  status: count,
  reason: z.string(),
  summary: z.string(),
  cause: z.string(),
  next: z.string(),
})

const call = z.object({ auditID: z.string(), time: z.string(), verb: z.string() })
const verbCounts = z.object({ ours: count, own: count, seen: count, cluster: count, recorded: count })

function findings<T extends z.ZodType>(item: T) {
  return z.object({ count, items: z.array(item) })
}

function own<K extends string, T extends z.ZodRawShape>(kind: K, shape: T) {
  return z.object({ apiVersion: apiVersionSchema, kind: z.literal(kind), ...shape })
}

function ownList<K extends string, T extends z.ZodType>(kind: K, item: T) {
  return own(kind, { metadata: z.object({ continue: z.string().nullable() }), items: z.array(item) })
}

export const printedSchemas: Readonly<Record<string, z.ZodType>> = {
  AgentCheck: own('AgentCheck', {
    ok: z.boolean(),
    connections: z.array(
      z.object({
        connection: z.string(),
        serverVersion: z.string().optional(),
        sessionUser: z.string().optional(),
        binderUser: z.string().optional(),
        /** What the binder may bind; namespace `*` is everywhere. */
        mayBind: z.array(z.object({ kind: z.string(), name: z.string(), namespace: z.string() })).optional(),
        findings: z.array(
          z.object({
            check: z.string(),
            level: z.enum(['ok', 'note', 'warning', 'danger']),
            text: z.string(),
            advice: z.string().optional(),
          }),
        ),
      }),
    ),
  }),
  AgentList: agentsSchema,
  AgentRemoval: removedSchema,
  ApplyResult: appliedSchema,
  // All of `audit show`, or one line of `audit tail`.
  AuditEntry: z.union([auditDetailSchema, own('AuditEntry', { entry: auditRowSchema })]),
  AuditList: auditListSchema,
  AuditProofs: auditProofsSchema,
  KeysRewrapped: own('KeysRewrapped', {
    origin: z.string(),
    from: z.string(),
    to: z.string(),
    rewrapped: count,
    already: count,
  }),
  MaskReport: maskReportSchema,
  Approval: approvalEnvelope,
  ApprovalList: approvalsSchema,
  ChannelLink: unlinkedSchema,
  ChannelLinkList: linksSchema,
  ApprovalStatsList: approvalStatsSchema,
  Delegation: delegationEnvelope,
  DelegationList: delegationsSchema,
  Grant: grantEnvelope,
  GrantList: grantsSchema,
  Reveal: revealEnvelope,
  RevealList: revealsSchema,
  Revelation: revelationSchema,
  OfflineRevelation: own('OfflineRevelation', { watermark: z.string(), revealed: revealedSchema }),
  Shred: shredEnvelope,
  ShredList: shredsSchema,
  Hold: holdEnvelope,
  HoldList: holdsSchema,
  ClientSignOut: own('ClientSignOut', {
    gateway: z.string(),
    signedIn: z.boolean(),
    sessionsEnded: count,
    tokensDeleted: count,
  }),
  ClientStatus: own('ClientStatus', {
    client: z.object({ version: z.string(), node: z.string() }),
    gateway: z.object({
      name: z.string(),
      server: z.string(),
      from: z.string(),
      caFile: z.string().optional(),
      caFrom: z.string().optional(),
    }),
    signIn: z
      .object({ by: z.string(), username: z.string().optional(), until: timeSchema.optional() })
      .nullable(),
    settings: z.array(z.object({ name: z.string(), value: z.string(), from: z.string() })),
    version: z.string().nullable(),
    status: statusSchema.nullable(),
  }),
  ConnectionList: connectionsSchema,
  ConnectionReport: connectionReportSchema,
  CrosscheckReport: own('CrosscheckReport', {
    ok: z.boolean(),
    logs: z.array(
      z.object({
        directory: z.string(),
        origin: z.string(),
        entries: count,
        from: z.string(),
        to: z.string(),
      }),
    ),
    cluster: z.object({ files: z.array(z.string()), events: count, from: z.string(), to: z.string() }),
    agentUsers: z.array(z.string()),
    verbs: z.array(verbCounts.extend({ verb: z.string() })),
    total: verbCounts,
    findings: z.object({
      unrecorded: findings(
        call.extend({
          why: z.enum(['agent user', 'our user name', 'our extra']),
          uri: z.string(),
          user: z.string(),
          impersonated: z.string().optional(),
          userAgent: z.string(),
          addresses: z.array(z.string()),
          code: count,
        }),
      ),
      unseen: findings(
        call.extend({ connection: z.string(), what: z.string(), own: z.boolean(), code: count }),
      ),
      different: findings(
        call.omit({ verb: true }).extend({ field: z.string(), ours: z.string(), cluster: z.string() }),
      ),
      repeated: findings(call.extend({ uri: z.string(), user: z.string() })),
      unreadable: findings(z.object({ file: z.string(), line: count, problem: z.string() })),
    }),
    notJudged: z.array(z.object({ what: z.string(), count })),
    notes: z.array(z.string()),
  }),
  DoctorReport: own('DoctorReport', { gateway: z.string(), ok: z.boolean(), checks: z.array(check) }),
  DocumentList: documentsSchema,
  EnrolmentToken: tokenSchema,
  Error: own('Error', error.shape),
  ErrorList: ownList('ErrorList', error),
  Explanation: explainedSchema,
  MaskingInForce: maskingInForceSchema,
  MaskingTest: maskingTestSchema,
  PolicyCheck: checkedSchema,
  PolicyTestReport: testedSchema,
  ProfileList: ownList(
    'ProfileList',
    z.object({
      name: z.string(),
      server: z.string(),
      current: z.boolean(),
      signedInAs: z.string().nullable(),
      caFile: z.string().nullable(),
    }),
  ),
  PolicyReplay: replayedSchema,
  PolicySuggestion: suggestedSchema,
  PolicyVersionList: historySchema,
  PresetList: ownList(
    'PresetList',
    z.object({ name: z.string(), effect: z.string(), description: z.string() }),
  ),
  Revocation: revokedSchema,
  Session: sessionEnvelope,
  SessionEndList: ownList('SessionEndList', endedSchema),
  SessionList: sessionsSchema,
  // The token stays in its file.
  SignIn: signedInSchema
    .omit({ token: true })
    .extend({ gateway: z.string(), connections: z.array(z.string()) }),
  Up: own('Up', {
    url: z.string(),
    caFile: z.string(),
    kubeconfig: z.string(),
    dataDir: z.string(),
    configDir: z.string(),
    connection: z.string(),
    cluster: z.string(),
    codeFile: z.string(),
    stateDir: z.string(),
    processes: z.record(z.string(), count),
  }),
  VerifyReport: own('VerifyReport', {
    ok: z.boolean(),
    origin: z.string(),
    size: count,
    root: z.string(),
    checks: z.array(
      z.object({
        name: z.string(),
        status: z.enum(['ok', 'failed', 'skipped']),
        checked: count,
        failures: count,
        places: z.array(
          z.object({
            problem: z.string(),
            entry: count.optional(),
            call: z.string().optional(),
            file: z.string().optional(),
            offset: count.optional(),
          }),
        ),
        reason: z.string().optional(),
      }),
    ),
    notes: z.array(z.string()),
  }),
  WhoAmI: whoamiSchema,
  Witness: own('Witness', { url: z.string(), vkey: z.string() }),
}

/** JSON Schema (2020-12) of all of them: `#/$defs/KIND`, and the document as a whole is one of these. */
export function printedJsonSchema(): object {
  const definitions = Object.entries(printedSchemas).map(([kind, schema]) => {
    const { $schema: _, ...definition } = z.toJSONSchema(schema)
    return [kind, definition] as const
  })
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'What sallyport prints with -o json',
    anyOf: definitions.map(([kind]) => ({ $ref: `#/$defs/${kind}` })),
    $defs: Object.fromEntries(definitions),
  }
}
