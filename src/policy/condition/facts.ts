import type { Principal, ServiceAccountFacts } from '../../identity/principal.ts'
import type {
  BodyFacts,
  ImpersonationRequest,
  KubernetesAction,
  QueryFacts,
} from '../../kubernetes/action.ts'
import type { Action, AdminAction, Circumstances, ClientFacts } from '../decision.ts'
import { imagesOf } from '../fields/images.ts'
import { conditionValue } from './value.ts'

/**
 * What a condition sees. Made when the first condition of a decision is evaluated; a field is computed when it is read.
 * Text that is not there is ''; a part that is not there (no body, no service account) is absent: `has()` says so.
 * The classes are the types that conditions are checked against: `fields` beside each is its declaration.
 */
export class Facts {
  readonly principal: PrincipalView
  readonly action: ActionView
  readonly session: SessionView
  readonly connection: ConnectionView
  readonly client: ClientView
  readonly now: Date

  constructor(action: Action, circumstances: Circumstances) {
    this.principal = new PrincipalView(circumstances.session.principal)
    this.action = new ActionView(action)
    this.session = new SessionView(circumstances.session)
    this.connection = new ConnectionView(circumstances.connection)
    this.client = new ClientView(circumstances.client)
    this.now = new Date(circumstances.now)
  }
}

/** Absent as a whole when nothing is known of the client: a condition that asks then fails. */
export class ClientView {
  static readonly fields = { address: 'string', userAgent: 'string', command: 'string' }
  readonly address: string | undefined
  readonly userAgent: string | undefined
  readonly command: string | undefined

  constructor(client: ClientFacts | undefined) {
    this.address = client?.address
    this.userAgent = client?.userAgent
    this.command = client?.command
  }
}

export class ServiceAccountView {
  static readonly fields = {
    connection: 'string',
    namespace: 'string',
    name: 'string',
    uid: 'string',
    pod: 'string',
    node: 'string',
  }
  readonly connection: string
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly pod: string
  readonly node: string

  constructor(facts: ServiceAccountFacts) {
    this.connection = facts.connection
    this.namespace = facts.namespace
    this.name = facts.name
    this.uid = facts.uid ?? ''
    this.pod = facts.pod?.name ?? ''
    this.node = facts.node ?? ''
  }
}

export class PrincipalView {
  static readonly fields = {
    issuer: 'string',
    subject: 'string',
    kind: 'string',
    username: 'string',
    groups: 'list<string>',
    claims: 'map<string, list<string>>',
    displayName: 'string',
    email: 'string',
    method: 'string',
    provider: 'string',
    serviceAccount: 'ServiceAccount',
  }
  readonly #principal: Principal

  constructor(principal: Principal) {
    this.#principal = principal
  }
  get issuer(): string {
    return this.#principal.issuer
  }
  get subject(): string {
    return this.#principal.subject
  }
  get kind(): string {
    return this.#principal.kind
  }
  get username(): string {
    return this.#principal.username
  }
  get groups(): readonly string[] {
    return this.#principal.groups
  }
  get claims(): ReadonlyMap<string, readonly string[]> {
    return new Map(Object.entries(this.#principal.claims ?? {}))
  }
  get displayName(): string {
    return this.#principal.displayName ?? ''
  }
  get email(): string {
    return this.#principal.email ?? ''
  }
  get method(): string {
    return this.#principal.authentication.method
  }
  get provider(): string {
    return this.#principal.authentication.provider
  }
  get serviceAccount(): ServiceAccountView | undefined {
    const facts = this.#principal.serviceAccount
    return facts === undefined ? undefined : new ServiceAccountView(facts)
  }
}

export class QueryView {
  static readonly fields = {
    fieldSelector: 'string',
    labelSelector: 'string',
    dryRun: 'bool',
    follow: 'bool',
    container: 'string',
    command: 'list<string>',
  }
  readonly fieldSelector: string
  readonly labelSelector: string
  readonly dryRun: boolean
  readonly follow: boolean
  readonly container: string
  readonly command: readonly string[]

  constructor(query: QueryFacts | undefined) {
    this.fieldSelector = query?.fieldSelector ?? ''
    this.labelSelector = query?.labelSelector ?? ''
    this.dryRun = query?.dryRun ?? false
    this.follow = query?.follow ?? false
    this.container = query?.container ?? ''
    this.command = query?.command ?? []
  }
}

export class BodyView {
  static readonly fields = {
    apiVersion: 'string',
    kind: 'string',
    name: 'string',
    namespace: 'string',
    form: 'string',
    object: 'dyn',
  }
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly namespace: string
  readonly form: string
  readonly #object: unknown
  #converted: unknown

  constructor(body: BodyFacts) {
    this.apiVersion = body.apiVersion
    this.kind = body.kind
    this.name = body.name
    this.namespace = body.namespace
    this.form = body.form
    this.#object = body.object
  }
  get object(): unknown {
    this.#converted ??= conditionValue(this.#object)
    return this.#converted
  }
}

export class ImpersonationView {
  static readonly fields = {
    user: 'string',
    groups: 'list<string>',
    uid: 'string',
    extraKeys: 'list<string>',
  }
  readonly user: string
  readonly groups: readonly string[]
  readonly uid: string
  readonly extraKeys: readonly string[]

  constructor(asked: ImpersonationRequest) {
    this.user = asked.user
    this.groups = asked.groups
    this.uid = asked.uid
    this.extraKeys = asked.extra.map(([key]) => key)
  }
}

export class ActionView {
  static readonly fields = {
    protocol: 'string',
    verb: 'string',
    isResource: 'bool',
    apiGroup: 'string',
    apiVersion: 'string',
    resource: 'string',
    subresource: 'string',
    namespace: 'string',
    name: 'string',
    path: 'string',
    risk: 'string',
    risks: 'list<string>',
    images: 'list<string>',
    query: 'Query',
    body: 'Body',
    before: 'dyn',
    impersonate: 'Impersonation',
  }
  readonly #action: Action
  #body: BodyView | undefined
  #before: unknown

  constructor(action: Action) {
    this.#action = action
  }
  get #k8s(): KubernetesAction | undefined {
    return this.#action.protocol === 'k8s' ? this.#action : undefined
  }
  get protocol(): string {
    return this.#action.protocol
  }
  get verb(): string {
    return this.#action.verb
  }
  get isResource(): boolean {
    return this.#k8s?.isResource ?? false
  }
  get apiGroup(): string {
    return this.#k8s?.apiGroup ?? ''
  }
  get apiVersion(): string {
    return this.#k8s?.apiVersion ?? ''
  }
  get resource(): string {
    return (this.#action as KubernetesAction | AdminAction).resource
  }
  get subresource(): string {
    return this.#k8s?.subresource ?? ''
  }
  get namespace(): string {
    return this.#k8s?.namespace ?? ''
  }
  get name(): string {
    return this.#action.name
  }
  get path(): string {
    return this.#k8s?.path ?? ''
  }
  get risk(): string {
    return this.#k8s?.risk ?? 'none'
  }
  get risks(): readonly string[] {
    const k8s = this.#k8s
    return k8s?.risks ?? (k8s === undefined || k8s.risk === 'none' ? [] : [k8s.risk])
  }
  /** Absent: there is no body that could be read. */
  get images(): readonly string[] | undefined {
    const k8s = this.#k8s
    return (k8s === undefined ? null : imagesOf(k8s)) ?? undefined
  }
  get query(): QueryView {
    return new QueryView(this.#k8s?.query)
  }
  get body(): BodyView | undefined {
    const body = this.#k8s?.body
    if (body === undefined || body === null) return undefined
    this.#body ??= new BodyView(body)
    return this.#body
  }
  /** Absent: there is no object yet, or nothing is written to one. What is not known cannot be asked, not even by `has()`. */
  get before(): unknown {
    const k8s = this.#k8s
    if (k8s === undefined || (k8s.verb !== 'update' && k8s.verb !== 'patch') || k8s.before === null)
      return undefined
    if (k8s.before === undefined) throw new Error('the object before the write is not known')
    this.#before ??= conditionValue(k8s.before)
    return this.#before
  }
  get impersonate(): ImpersonationView | undefined {
    const asked = this.#k8s?.impersonate
    return asked === undefined || asked === null ? undefined : new ImpersonationView(asked)
  }
}

export class SessionView {
  static readonly fields = {
    id: 'string',
    opened: 'string',
    openedAt: 'google.protobuf.Timestamp',
    expiresAt: 'google.protobuf.Timestamp',
  }
  readonly #session: Circumstances['session']

  constructor(session: Circumstances['session']) {
    this.#session = session
  }
  get id(): string {
    return this.#session.id
  }
  get opened(): string {
    return this.#session.opened
  }
  get openedAt(): Date {
    return new Date(this.#session.openedAt)
  }
  get expiresAt(): Date {
    return new Date(this.#session.expiresAt)
  }
}

export class ConnectionView {
  static readonly fields = {
    name: 'string',
    kind: 'string',
    capture: 'string',
    upstreamIdentity: 'string',
  }
  readonly #connection: Circumstances['connection']

  constructor(connection: Circumstances['connection']) {
    this.#connection = connection
  }
  get name(): string {
    return this.#connection.name
  }
  get kind(): string {
    return this.#connection.kind
  }
  get capture(): string {
    return this.#connection.capture
  }
  get upstreamIdentity(): string {
    return this.#connection.upstreamIdentity
  }
}
