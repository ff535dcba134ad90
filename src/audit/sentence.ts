import type { Head } from './entry.ts'

/** What of an audit row a sentence is made from. */
export interface SentenceFacts {
  readonly kind: string
  readonly effect: 'allow' | 'deny' | 'hold' | null
  readonly head: Head
  /** False while only the intent is there. */
  readonly complete?: boolean
}

/**
 * One row of the trail as a person would say it: who · what · where · what came of it, such as
 * `alice · delete pod api-7f · shop/prod · denied by no-prod-deletes`. Names in it were chosen by callers, so
 * nothing that moves a cursor or reorders text gets through.
 */
export function sentence(row: SentenceFacts): string {
  const parts = [who(row.head), what(row), where(row.head), result(row)]
  return parts
    .filter(part => part !== '')
    .map(printable)
    .join(' · ')
}

/** Control characters, line separators and bidirectional overrides (Unicode TR 36) become `\u{…}`. */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/gu,
    c => `\\u{${c.codePointAt(0)!.toString(16)}}`,
  )
}

function who(head: Head): string {
  const name = head.principal?.username
  if (name === undefined)
    return head.client === undefined ? 'sallyport' : `somebody at ${head.client.address}`
  return name.startsWith('system:serviceaccount:') ? name.slice('system:serviceaccount:'.length) : name
}

function what(row: SentenceFacts): string {
  const { head } = row
  switch (row.kind) {
    case 'auth.login':
      return 'signed in'
    case 'auth.logout':
      return 'signed out'
    case 'auth.fail':
      return 'could not be identified'
    case 'session.open':
      return 'opened a session'
    case 'session.close':
      return 'session ended'
    case 'agent.enrol':
      return `agent ${head.agent ?? ''} enrolled`
    case 'log.start':
      return 'the log was opened'
    case 'log.recovered':
      return 'the log was recovered'
    case 'log.sealed':
      return 'the log was sealed'
    case 'log.unwitnessed':
      return head.facts?.state === 'end' ? 'the log is witnessed again' : 'nobody witnesses the log'
    case 'log.witness-conflict':
      return `a witness contradicts the log: ${String(head.facts?.witness ?? '')}`
    case 'log.quota':
      return `room for the log: ${head.facts?.state ?? 'unknown'}`
    case 'approval.request':
      return `asked for an approval: ${text(head.facts?.asked)}`
    case 'approval.decide':
      return `${head.facts?.verdict === 'approve' ? 'approved' : 'denied'}: ${text(head.facts?.asked)}`
    case 'approval.close':
      return `an approval ended: ${text(head.facts?.because)}`
    case 'approval.remind':
    case 'approval.escalate':
      return `${text(head.facts?.told)}: ${text(head.facts?.asked)}`
    case 'approval.delegate':
      return `lets ${text(head.facts?.to)} decide in his place`
    case 'approval.delegate-end':
      return `ended what ${text(head.facts?.of)} had delegated to ${text(head.facts?.to)}`
    case 'approval.break-glass':
      return `BROKE THE GLASS (${text(head.facts?.ticket)}): ${text(head.facts?.asked)}`
    case 'approval.review':
      return `found broken glass ${text(head.facts?.verdict)}: ${text(head.facts?.asked)}`
    case 'approval.review-overdue':
      return `broken glass of ${text(head.facts?.brokenBy)} was not reviewed in time`
    case 'grant.revoke':
      return 'revoked a grant'
    case 'channel.link':
      return `linked ${text(head.facts?.personName)} of channel ${text(head.facts?.channel)} to ${text(head.facts?.linked)}`
    case 'channel.unlink':
      return `unlinked ${text(head.facts?.personName)} of channel ${text(head.facts?.channel)} from ${text(head.facts?.linked)}`
    case 'reveal.request':
      return `asked to open ${scope(head)}`
    case 'reveal.approve':
      return `approved to open ${scope(head)}`
    case 'reveal.deny':
      return 'denied a reveal'
    case 'reveal.open':
      return `opened ${scope(head)}`
    case 'reveal.expire':
      return 'a reveal ended unused'
    case 'key.shred':
      return `destroyed the key ${text(head.facts?.epoch)}`
    case 'key.recipients':
      return 'changed who can open what is sealed'
    case 'hold.add':
      return `put a legal hold on ${held(head)}`
    case 'hold.release':
      return `ended the legal hold on ${held(head)}`
    case 'agent.call':
      if (head.facts?.purpose === 'bind') return `gave the session ${text(head.facts.session)} its rights`
      if (head.facts?.purpose === 'unbind')
        return `took the rights of the session ${text(head.facts.session)}`
      return Array.isArray(head.facts?.calls) ? `${head.facts.calls.length} calls of its own` : action(head)
    default:
      return action(head)
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function scope(head: Head): string {
  const { call, pointer, session } = (head.facts?.scope ?? {}) as Record<string, unknown>
  if (session !== undefined) return `session ${text(session)}`
  return pointer === undefined ? `call ${text(call)}` : `${text(pointer)} of call ${text(call)}`
}

function held(head: Head): string {
  const { day, session, subject } = (head.facts?.scope ?? {}) as Record<string, unknown>
  if (day !== undefined) return `day ${text(day)}`
  return session === undefined ? text(subject) : `session ${text(session)}`
}

function action(head: Head): string {
  const facts = head.action ?? {}
  const fact = (name: string): string => text(facts[name])
  const verb = fact('verb')
  const resource = fact('resource')
  const name = fact('name')
  if (resource === '') {
    const method = verb === '' ? (head.request?.method ?? '') : verb
    return `${method} ${fact('path') === '' ? pathOf(head.request?.uri ?? '') : fact('path')}`.trim()
  }
  if (facts.protocol === 'admin') return `${verb} ${resource}${name === '' ? '' : `/${name}`}`
  const thing = `${name === '' && verb !== 'create' ? resource : singular(resource)}${name === '' ? '' : ` ${name}`}`
  const dry = facts.dryRun === true ? ' (dry run)' : ''
  const subresource = fact('subresource')
  if (subresource === '') return `${verb} ${thing}${dry}`
  switch (subresource) {
    case 'exec':
    case 'attach':
      return `${subresource} ${thing}${commandOf(facts.command)}`
    case 'portforward':
      return `port-forward ${thing}`
    case 'log':
      return `read the logs of ${thing}`
    default:
      return `${verb} ${subresource} of ${thing}${dry}`
  }
}

function commandOf(command: unknown): string {
  if (!Array.isArray(command) || command.length === 0) return ''
  const line = command.map(String).join(' ')
  return `: ${line.length > 60 ? `${line.slice(0, 59)}…` : line}`
}

function where(head: Head): string {
  const { namespace, resource } = head.action ?? {}
  const connection = head.connection ?? ''
  // Kubernetes says of a namespace that it is in itself.
  if (typeof namespace !== 'string' || namespace === '' || resource === 'namespaces') return connection
  return connection === '' ? namespace : `${namespace}/${connection}`
}

function result(row: SentenceFacts): string {
  const { head, effect } = row
  const rule = head.decision?.rules[0]
  if (effect === 'deny' && row.kind !== 'auth.fail')
    return `denied by ${rule ?? head.error?.check ?? 'default deny'}`
  if (effect === 'hold') return `held by ${rule ?? 'policy'}`
  if (head.error !== undefined)
    return `refused: ${head.error.code}${head.error.check === undefined ? '' : ` (${head.error.check})`}`
  if (row.complete === false) return 'running'
  const { code = 0, ended = 'complete' } = head.result ?? {}
  if (ended !== 'complete' && ended !== 'refused') return ended.replaceAll('-', ' ')
  if (code >= 400)
    return `failed with ${code}${head.result?.reason === undefined ? '' : ` ${head.result.reason}`}`
  if (head.decision?.brokenGlass === true) return 'allowed: glass broken'
  return effect === 'allow' && row.kind.endsWith('.request') ? 'allowed' : ''
}

function pathOf(uri: string): string {
  const at = uri.indexOf('?')
  return at === -1 ? uri : uri.slice(0, at)
}

/** Good enough for the resource names of Kubernetes; what it does not know stays as it is. */
function singular(resource: string): string {
  if (resource === 'endpoints' || !resource.endsWith('s')) return resource
  if (resource.endsWith('ies')) return `${resource.slice(0, -3)}y`
  if (/(ss|x|ch|sh)es$/.test(resource)) return resource.slice(0, -2)
  return resource.endsWith('ss') ? resource : resource.slice(0, -1)
}
