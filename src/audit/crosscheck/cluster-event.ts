import { API_GROUP, UPSTREAM_PREFIX } from '../../brand.ts'

/** What the comparison reads of an audit.k8s.io/v1 Event; absent strings are empty. */
export interface ClusterEvent {
  readonly id: string
  readonly stage: string
  readonly verb: string
  readonly uri: string
  readonly user: string
  /** Undefined: nobody was impersonated. */
  readonly asUser: string | undefined
  readonly asGroups: readonly string[]
  /** Session that the agent wrote into the extras; undefined for none. */
  readonly session: string | undefined
  /** Undefined for a request that is on no resource. */
  readonly object:
    | {
        readonly apiGroup: string
        readonly apiVersion: string
        readonly resource: string
        readonly subresource: string
        readonly namespace: string
        readonly name: string
      }
    | undefined
  readonly code: number
  readonly userAgent: string
  readonly addresses: readonly string[]
  /** Milliseconds since the epoch. */
  readonly received: number
  readonly stamped: number
  /** Both times as they stand there, to the microsecond: tells the same event twice from two requests. */
  readonly times: string
  /** An extra under our own prefix, whoever sent it. */
  readonly ourExtra: boolean
}

type Fields = Readonly<Record<string, unknown>>

/** Events of one line: an Event, or an EventList as webhooks send it. Undefined for anything else. */
export function eventsOf(text: string): readonly ClusterEvent[] | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const fields = fieldsOf(value)
  const items = fields.kind === 'EventList' && Array.isArray(fields.items) ? fields.items : [value]
  const events = items.map(eventOf)
  return events.every(event => event !== undefined) ? events : undefined
}

function eventOf(value: unknown): ClusterEvent | undefined {
  const event = fieldsOf(value)
  const user = fieldsOf(event.user)
  const as = event.impersonatedUser === undefined ? undefined : fieldsOf(event.impersonatedUser)
  const object = event.objectRef === undefined ? undefined : fieldsOf(event.objectRef)
  const received = text(event.requestReceivedTimestamp)
  const stamped = text(event.stageTimestamp)
  const id = text(event.auditID)
  // Without these it can be neither placed in time nor compared; an item of an EventList has no kind of its own.
  if (id === '' || text(event.stage) === '' || Number.isNaN(Date.parse(received))) return undefined
  if (event.kind !== undefined && event.kind !== 'Event') return undefined
  const extras = [...Object.entries(fieldsOf(as?.extra)), ...Object.entries(fieldsOf(user.extra))]
  return {
    id,
    stage: text(event.stage),
    verb: text(event.verb),
    uri: text(event.requestURI),
    user: text(user.username),
    asUser: as === undefined ? undefined : text(as.username),
    asGroups: strings(as?.groups),
    session: strings(fieldsOf(as?.extra)[`${API_GROUP}/session`])[0],
    object:
      object === undefined
        ? undefined
        : {
            apiGroup: text(object.apiGroup),
            apiVersion: text(object.apiVersion),
            resource: text(object.resource),
            subresource: text(object.subresource),
            namespace: text(object.namespace),
            name: text(object.name),
          },
    code: Number(fieldsOf(event.responseStatus).code ?? 0),
    userAgent: text(event.userAgent),
    addresses: strings(event.sourceIPs),
    received: Date.parse(received),
    stamped: Number.isNaN(Date.parse(stamped)) ? Date.parse(received) : Date.parse(stamped),
    times: `${received} ${stamped}`,
    ourExtra: extras.some(([name]) => name.toLowerCase().startsWith(`${API_GROUP}/`)),
  }
}

/** Names that only an agent of Sallyport writes. */
export function isOurName(event: ClusterEvent): 'user' | 'extra' | undefined {
  if ((event.asUser ?? event.user).startsWith(UPSTREAM_PREFIX) || event.user.startsWith(UPSTREAM_PREFIX)) {
    return 'user'
  }
  return event.ourExtra ? 'extra' : undefined
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter(one => typeof one === 'string') : []
}
