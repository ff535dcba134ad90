import type { Foresight } from '../approvals/foresight.ts'
import { Refusal } from '../errors/refusal.ts'
import { type Principal, principalKey } from '../identity/principal.ts'
import type { AdminAction } from '../policy/decision.ts'
import { foreseeDocuments } from './foresee-documents.ts'
import { invalidSources } from './invalid.ts'
import type { ApiServices, DocumentRef, SourceText } from './services.ts'

/** A validated request, as far as the decision about it may look. */
export interface Judged {
  readonly principal: Principal
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, unknown>>
  readonly body: unknown
}

export type Access =
  /** Open to anybody; `why` says why that is right. */
  | { readonly kind: 'public'; readonly why: string }
  /** Every action must be allowed, before the handler runs. */
  | {
      readonly kind: 'decided'
      readonly mutation: boolean
      /** The verbs that may be asked for, for the reference page. */
      readonly verbs: readonly string[]
      actions(x: Judged, services: ApiServices): Promise<readonly AdminAction[]> | readonly AdminAction[]
      /** What would come of it, for those who approve it when a rule holds it. */
      foresee?(x: Judged, services: ApiServices): Promise<Foresight>
    }

/**
 * Every route of the API and what it takes to use it: the one table. A route that is not in it cannot be
 * registered. `self.*` verbs concern the caller's own identity and sessions only.
 */
export const access: Readonly<Record<string, Access>> = {
  'GET /livez': open('probe without credentials'),
  'GET /readyz': open('probe without credentials'),
  'GET /version': open('a client asks before it signs in'),
  'GET /openapi.json': open('the description of the API is no secret'),
  'GET /errors': open('the page that every error links to'),
  'GET /v1/signin/providers': open('a client asks how to sign in'),
  'POST /v1/signin/code': open('the one-time code is the credential'),
  'POST /v1/signin/oidc': open("the issuer's ID token is the credential"),
  'POST /v1/agents/enrol': open('the enrolment token is the credential'),
  'POST /v1/agents/renew': open("the agent's client certificate is the credential"),

  'GET /metrics': read('metrics.read', 'metrics'),
  'GET /v1/status': read('status.read', 'status'),
  'GET /v1/whoami': read('self.read', 'self'),
  'POST /v1/signout': write('self.signout', 'self'),
  'GET /v1/connections': read('self.read', 'connections'),
  'GET /v1/connections/:name/checks': read('connection.check', 'connections', 'name'),

  'GET /v1/sessions': {
    kind: 'decided',
    mutation: false,
    verbs: ['self.read', 'session.list'],
    actions: x => [admin(x.query.mine === 'true' ? 'self.read' : 'session.list', 'sessions', '')],
  },
  'POST /v1/sessions': {
    kind: 'decided',
    mutation: true,
    verbs: ['session.open'],
    actions: x => [admin('session.open', 'connections', (x.body as { connection: string }).connection)],
  },
  'GET /v1/sessions/:id': ownOr('self.read', 'session.read', false),
  'PUT /v1/sessions/:id/reason': ownOr('self.session.reason', 'session.reason', true),
  'DELETE /v1/sessions/:id': ownOr('self.session.end', 'session.end', true),

  'GET /v1/revocations': read('revocation.list', 'revocations'),
  'POST /v1/revocations': {
    kind: 'decided',
    mutation: true,
    verbs: ['revocation.write'],
    actions: x => {
      const { target } = x.body as { target: Record<string, string> }
      return [
        admin('revocation.write', `${target.kind}s`, target.id ?? target.subject ?? target.issuer ?? ''),
      ]
    },
  },

  'GET /v1/audit/entries': read('audit.search', 'entries'),
  'GET /v1/audit/masked': read('audit.search', 'entries'),
  'GET /v1/audit/entries/:call': read('audit.show', 'entries', 'call'),
  // A proof shows digests and times, no names: whoever may search may have it.
  'GET /v1/audit/entries/:call/proofs': read('audit.search', 'entries', 'call'),
  'GET /v1/audit/export': read('audit.export', 'entries'),
  'GET /v1/audit/tail': read('audit.tail', 'entries'),

  'GET /v1/approvals': {
    kind: 'decided',
    mutation: false,
    verbs: ['self.read', 'approval.list'],
    actions: x => [admin(x.query.mine === 'true' ? 'self.read' : 'approval.list', 'approvals', '')],
  },
  // Whether it can be asked for at all is looked at action by action; asking gives nothing.
  'POST /v1/approvals': write('self.approval.ask', 'approvals'),
  'GET /v1/approvals/:id': approval('self.read', 'approval.list', false),
  // Named after the rule that holds it, so that policy can say who decides on what.
  'POST /v1/approvals/:id/decide': {
    kind: 'decided',
    mutation: true,
    verbs: ['approval.decide'],
    actions: async (x, { approvals }) => {
      const found = await approvals.get(x.params.id!)
      return (found?.rules ?? ['']).map(rule => admin('approval.decide', 'approvals', rule))
    },
  },
  // Only of one's own: the service looks.
  'POST /v1/approvals/:id/cancel': write('self.approval.cancel', 'approvals', 'id'),
  // Only of one's own, and only where the rule names its requester for it: the service looks.
  'POST /v1/approvals/:id/break-glass': write('self.approval.break-glass', 'approvals', 'id'),
  'POST /v1/approvals/:id/review': {
    kind: 'decided',
    mutation: true,
    verbs: ['approval.review'],
    actions: async (x, { approvals }) => {
      const found = await approvals.get(x.params.id!)
      return (found?.rules ?? ['']).map(rule => admin('approval.review', 'approvals', rule))
    },
  },
  'GET /v1/approval-stats': read('approval.stats', 'approvals'),
  'GET /v1/delegations': {
    kind: 'decided',
    mutation: false,
    verbs: ['self.read', 'delegation.list'],
    actions: x => [admin(x.query.mine === 'true' ? 'self.read' : 'delegation.list', 'delegations', '')],
  },
  // It hands on what policy lets both do, and nothing more: the delegate needs approval.decide himself.
  'POST /v1/delegations': write('self.approval.delegate', 'delegations'),
  'POST /v1/delegations/:id/end': {
    kind: 'decided',
    mutation: true,
    verbs: ['self.approval.delegate', 'delegation.end'],
    actions: (x, { approvals }) => {
      const found = approvals.delegations().find(one => one.id === x.params.id)
      const mine = found !== undefined && principalKey(found.person) === principalKey(x.principal)
      return [admin(mine ? 'self.approval.delegate' : 'delegation.end', 'delegations', x.params.id!)]
    },
  },
  'GET /v1/grants': {
    kind: 'decided',
    mutation: false,
    verbs: ['self.read', 'grant.list'],
    actions: x => [admin(x.query.mine === 'true' ? 'self.read' : 'grant.list', 'grants', '')],
  },
  'POST /v1/grants/:id/revoke': {
    kind: 'decided',
    mutation: true,
    verbs: ['self.grant.revoke', 'grant.revoke'],
    actions: (x, { approvals }) => {
      const grant = approvals.grants().find(one => one.id === x.params.id)
      const mine = grant !== undefined && principalKey(grant.principal) === principalKey(x.principal)
      return [admin(mine ? 'self.grant.revoke' : 'grant.revoke', 'grants', x.params.id!)]
    },
  },

  'GET /v1/channel-links': {
    kind: 'decided',
    mutation: false,
    verbs: ['self.read', 'channel.link.list'],
    actions: x => [admin(x.query.mine === 'true' ? 'self.read' : 'channel.link.list', 'channellinks', '')],
  },
  'DELETE /v1/channel-links/:id': {
    kind: 'decided',
    mutation: true,
    verbs: ['self.channel.unlink', 'channel.link.remove'],
    actions: (x, { channels }) => {
      const link = channels.links().find(one => one.id === x.params.id)
      const mine = link !== undefined && principalKey(link.principal) === principalKey(x.principal)
      return [admin(mine ? 'self.channel.unlink' : 'channel.link.remove', 'channellinks', x.params.id!)]
    },
  },

  'GET /v1/reveals': read('reveal.list', 'reveals'),
  'POST /v1/reveals': {
    kind: 'decided',
    mutation: true,
    verbs: ['reveal.request'],
    actions: x => {
      const { scope } = x.body as { scope: { call?: string; session?: string } }
      return [
        scope.session === undefined
          ? admin('reveal.request', 'entries', scope.call ?? '')
          : admin('reveal.request', 'sessions', scope.session),
      ]
    },
  },
  'POST /v1/reveals/:id/approve': write('reveal.approve', 'reveals', 'id'),
  'POST /v1/reveals/:id/deny': write('reveal.approve', 'reveals', 'id'),
  'POST /v1/reveals/:id/open': write('reveal.open', 'reveals', 'id'),
  'GET /v1/shreds': read('shred.list', 'keys'),
  'POST /v1/shreds': {
    kind: 'decided',
    mutation: true,
    verbs: ['shred.request'],
    actions: x => {
      const body = x.body as { class: string; day: string }
      return [admin('shred.request', 'keys', `${body.class}-${body.day}`)]
    },
  },
  'POST /v1/shreds/:id/approve': write('shred.approve', 'keys', 'id'),
  'POST /v1/shreds/:id/deny': write('shred.approve', 'keys', 'id'),
  'GET /v1/holds': read('hold.list', 'holds'),
  'POST /v1/holds': write('hold.add', 'holds'),
  'POST /v1/holds/:id/release': write('hold.release', 'holds', 'id'),

  'GET /v1/documents': {
    kind: 'decided',
    mutation: false,
    verbs: ['<kind>.list'],
    actions: (x, services) => {
      const kinds = typeof x.query.kind === 'string' ? [x.query.kind] : services.documents.kinds()
      return kinds.map(kind => documentAction(services, kind, 'list', ''))
    },
  },
  'GET /v1/documents/:kind/:name': document('read', false),
  'PUT /v1/documents/:kind/:name': document('write', true),
  'DELETE /v1/documents/:kind/:name': document('delete', true),
  'POST /v1/documents/apply': {
    kind: 'decided',
    mutation: true,
    verbs: ['<kind>.write', '<kind>.delete', '<kind>.read'],
    // A dry run shows the present state as a diff, so it asks for the right to read it, and for nothing more.
    actions: (x, services) => {
      const { sources, remove, dryRun } = x.body as {
        sources: readonly SourceText[]
        remove: readonly DocumentRef[]
        dryRun: boolean
      }
      const { documents, problems } = services.documents.parse(sources)
      const errors = problems.filter(p => p.severity === 'error')
      if (errors.length > 0) throw invalidSources(errors)
      if (documents.length === 0) {
        throw new Refusal('document-invalid', { check: 'document', detail: 'the sources hold no document' })
      }
      return [
        ...documents.map(d => documentAction(services, d.kind, dryRun ? 'read' : 'write', d.name)),
        ...remove.map(d => documentAction(services, d.kind, dryRun ? 'read' : 'delete', d.name)),
      ]
    },
    foresee: (x, services) => {
      const { sources, remove } = x.body as {
        sources: readonly SourceText[]
        remove: readonly DocumentRef[]
      }
      return foreseeDocuments(x, services, sources, remove)
    },
  },

  'POST /v1/policy/check': read('policy.check', 'policies'),
  'POST /v1/policy/test': read('policy.check', 'policies'),
  'POST /v1/policy/explain': read('self.explain', 'policies'),
  'POST /v1/policy/replay': {
    kind: 'decided',
    mutation: false,
    verbs: ['policy.replay', 'audit.search'],
    actions: () => [admin('policy.replay', 'policies', ''), admin('audit.search', 'entries', '')],
  },
  'GET /v1/policy/suggestion': {
    kind: 'decided',
    mutation: false,
    verbs: ['policy.suggest', 'audit.search'],
    actions: () => [admin('policy.suggest', 'policies', ''), admin('audit.search', 'entries', '')],
  },
  'GET /v1/policies/:name/history': read('policy.read', 'policies', 'name'),
  'GET /v1/policies/:name/history/:number': read('policy.read', 'policies', 'name'),
  'GET /v1/decisions/:call': {
    kind: 'decided',
    mutation: false,
    verbs: ['self.explain', 'audit.show'],
    actions: async (x, services) => {
      const detail = await services.audit.show(x.params.call!)
      const by = detail?.row.head.principal
      const own = by !== undefined && principalKey(by) === principalKey(x.principal)
      return [admin(own ? 'self.explain' : 'audit.show', 'entries', x.params.call!)]
    },
  },

  'GET /v1/masking/rules': read('masking.list', 'maskingrules'),
  'POST /v1/masking/test': read('masking.test', 'maskingrules'),

  'GET /v1/agents': read('agent.list', 'agents'),
  'POST /v1/agents/tokens': {
    kind: 'decided',
    mutation: true,
    verbs: ['agent.enrol'],
    actions: x => [admin('agent.enrol', 'agents', (x.body as { agent: string }).agent)],
  },
  'DELETE /v1/agents/:name': write('agent.remove', 'agents', 'name'),
}

/** Of the approval page only: a link is confirmed in a browser, right after a sign-in. */
export const linkAccess = write('self.channel.link', 'channellinks') as Extract<Access, { kind: 'decided' }>

function open(why: string): Access {
  return { kind: 'public', why }
}

function read(verb: string, resource: string, param?: string): Access {
  return fixed(verb, resource, param, false)
}

function write(verb: string, resource: string, param?: string): Access {
  return fixed(verb, resource, param, true)
}

function fixed(verb: string, resource: string, param: string | undefined, mutation: boolean): Access {
  return {
    kind: 'decided',
    mutation,
    verbs: [verb],
    actions: x => [admin(verb, resource, param === undefined ? '' : x.params[param]!)],
  }
}

/** One's own session needs a smaller right than somebody else's. An unknown one is somebody else's: no oracle. */
function ownOr(own: string, any: string, mutation: boolean): Access {
  return {
    kind: 'decided',
    mutation,
    verbs: [own, any],
    actions: async (x, services) => {
      const session = await services.sessions.get(x.params.id!)
      const mine = session !== undefined && principalKey(session.principal) === principalKey(x.principal)
      return [admin(mine ? own : any, 'sessions', x.params.id!)]
    },
  }
}

/** One's own needs no right. An unknown one is somebody else's: no oracle. */
function approval(own: string, any: string, mutation: boolean): Access {
  return {
    kind: 'decided',
    mutation,
    verbs: [own, any],
    actions: async (x, { approvals }) => {
      const found = await approvals.get(x.params.id!)
      const mine = found !== undefined && principalKey(found.requester) === principalKey(x.principal)
      return [admin(mine ? own : any, 'approvals', x.params.id!)]
    },
  }
}

function document(act: 'read' | 'write' | 'delete', mutation: boolean): Access {
  return {
    kind: 'decided',
    mutation,
    verbs: [`<kind>.${act}`],
    actions: (x, services) => [documentAction(services, x.params.kind!, act, x.params.name!)],
    foresee: (x, services) => {
      const kind = x.params.kind!
      const name = x.params.name!
      return act === 'write'
        ? foreseeDocuments(x, services, [{ file: `${kind}/${name}`, text: JSON.stringify(x.body) }], [])
        : foreseeDocuments(x, services, [], act === 'delete' ? [{ kind, name }] : [])
    },
  }
}

/** `Policy` becomes `policy.write` on `policies`: the words that rules about Sallyport itself are written in. */
function documentAction(services: ApiServices, kind: string, act: string, name: string): AdminAction {
  if (!services.documents.kinds().includes(kind)) {
    throw new Refusal('resource-unknown', { check: 'kind', detail: `there is no kind ${kind}` })
  }
  const word = kind.toLowerCase()
  return admin(`${word}.${act}`, pluralOf(word), name)
}

function pluralOf(word: string): string {
  if (word.endsWith('s')) return word
  return word.endsWith('y') ? `${word.slice(0, -1)}ies` : `${word}s`
}

function admin(verb: string, resource: string, name: string): AdminAction {
  return { protocol: 'admin', verb, resource, name }
}
