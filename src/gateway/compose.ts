import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createApi } from '../api/create.ts'
import { linkAccounts } from '../approvals/linked-accounts.ts'
import { openApprovals } from '../approvals/open-approvals.ts'
import { openAuditIndex } from '../audit/index/open-index.ts'
import { type AuditLogOptions, type OpenAuditLog, openAuditLog } from '../audit/open.ts'
import type { Retention } from '../audit/shred/shreds.ts'
import type { Witnessing, WitnessLink } from '../audit/witnesses/contract.ts'
import { refuseUnwitnessed } from '../audit/witnesses/guard.ts'
import { openWitnessing, type WitnessPolicy } from '../audit/witnesses/open-witnessing.ts'
import type { Connection } from '../connections/connection.ts'
import { bindingProblems } from '../documents/binding-problems.ts'
import type { DocumentSet } from '../documents/document-set.ts'
import { createDocuments, type Documents, GENERATION } from '../documents/documents.ts'
import { formatProblem } from '../documents/problem.ts'
import { secretSource } from '../documents/secret-reference.ts'
import { toConnection } from '../documents/to-connection.ts'
import { toIdentityProvider } from '../documents/to-identity-provider.ts'
import type { OneTimeCodes } from '../identity/local/one-time-codes.ts'
import { LOCAL_ISSUER } from '../identity/local/users.ts'
import { openIdentity } from '../identity/open-identity.ts'
import { covers } from '../identity/revocation/revocations.ts'
import { plausible } from '../masking/detect/plausible.ts'
import { createMaskEngines } from '../masking/engines.ts'
import { openFingerprints } from '../masking/fingerprints/open-fingerprints.ts'
import { FINGERPRINT_RULE } from '../masking/fingerprints/rule.ts'
import { openMaskingKeys } from '../masking/keys/masking-keys.ts'
import { createPlaceholders } from '../masking/placeholder.ts'
import { maskTarget, maskText } from '../masking/request/mask-head.ts'
import { type CompiledMasking, compileMasking } from '../masking/rules/compile.ts'
import { shippedDetectors } from '../masking/rules/detectors.ts'
import { maskingProblems } from '../masking/rules/problems.ts'
import { channelOf } from '../notify/channel-of.ts'
import type { Channel } from '../notify/contract.ts'
import { openLinks } from '../notify/links/open-links.ts'
import { openNotify } from '../notify/open-notify.ts'
import { createPage, isPagePath } from '../page/create.ts'
import { type CertificateAuthority, openAuthority } from '../pki/authority.ts'
import { ensureServerCertificate } from '../pki/server-certificate.ts'
import { isPolicy, policyProblems } from '../policy/check/policy-problems.ts'
import { unapprovableHolds } from '../policy/check/unapprovable-holds.ts'
import { type CompiledPolicies, compilePolicies } from '../policy/compile.ts'
import { createRateLimits } from '../policy/rate-limits.ts'
import { claimOrigin } from '../store/log-origin.ts'
import type { StateStore } from '../store/store.ts'
import type { Logger } from '../telemetry/logger.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { createAgentGate } from '../tunnel/agent-gate.ts'
import { isEnrolled } from '../tunnel/enrolment/enrolment.ts'
import { type AgentRegistry, createAgentRegistry } from '../tunnel/registry.ts'
import type { ServingLink } from '../tunnel/remote-agent.ts'
import { newCallId } from './call-id.ts'
import { createChannelDoor, isChannelPath } from './channel-door.ts'
import { createDirectory, type Directory } from './directory.ts'
import { createFailureBudget } from './failure-budget.ts'
import { defaultLimits, type FinishedExchange, type Gateway, type Limits } from './gateway.ts'
import { gaugesOf } from './gauges.ts'
import { createGuesses } from './guesses.ts'
import { createInFlight } from './in-flight.ts'
import { createKubernetesSide } from './kubernetes-side.ts'
import { type Listener, listen } from './listener.ts'
import { createLiveCalls } from './live-calls.ts'
import { maskRulesAt } from './mask-rules.ts'
import { chosenKeyEncryption, openState, type StateOptions } from './open-state.ts'
import { createOwnCalls, type OwnCalls } from './own-calls.ts'
import { handle } from './pipeline.ts'
import { recordingEnds } from './recording-ends.ts'
import { apiServices } from './services/api.ts'
import { browserServices } from './services/browsers.ts'
import { channelDecisions } from './services/channel-decisions.ts'
import { liveObjectReader } from './services/live-object.ts'
import { withSessionAccounts } from './services/session-accounts.ts'
import { createSessionBindings, withSessionBindings } from './services/session-bindings.ts'
import { sessionEntries } from './services/session-entries.ts'
import { openTwoPersons } from './services/two-persons.ts'

export interface GatewayOptions extends StateOptions {
  /** Documents as YAML files; absent: from the store only. */
  readonly configDir?: string
  readonly listen: { readonly host: string; readonly port: number }
  /** Names and addresses by which callers reach the listener, beside the connections' own host names. */
  readonly names: readonly string[]
  /** Name of this log in checkpoints. Fixed for the life of the data directory. */
  readonly origin: string
  readonly version: string
  readonly limits?: Partial<Limits>
  /** An agent of this process. */
  readonly embedded?: ServingLink
  /** Who cosigns the log beside the agents, and what holds when nobody does. */
  readonly witnesses?: WitnessPolicy & { readonly links?: readonly WitnessLink[] }
  /** For the live line of `up`. */
  readonly onFinished?: (x: FinishedExchange) => void
  readonly now?: () => number
  /** What the log stands on: disk, keys, room, and how long it may hang. Files and keys can be planted by tests. */
  readonly audit?: Pick<AuditLogOptions, 'files' | 'deadline' | 'quota' | 'keyEncryption' | 'recipients'>
  /** Days after which the keys of a day are destroyed; absent: never. */
  readonly retention?: Retention
}

export interface RunningGateway {
  readonly url: string
  readonly authority: CertificateAuthority
  readonly log: OpenAuditLog
  readonly store: StateStore
  readonly documents: Documents
  readonly directory: Directory
  readonly registry: AgentRegistry
  readonly witnessing: Witnessing
  readonly codes: OneTimeCodes
  /** For calls to API servers that no caller asked for. */
  readonly ownCalls: OwnCalls
  policies(): CompiledPolicies
  masking(): CompiledMasking
  /** Reads the documents again; resolves with what is wrong with them, and then the present ones stay. */
  reload(): Promise<readonly string[]>
  /** Not ready, no new requests, those in flight end (long-running ones are cut after `grace` ms), log and store closed. */
  close(grace?: number): Promise<void>
}

/**
 * The composition root: what exists, in the order in which it comes up. Fails closed: whatever cannot be opened or is
 * not valid rejects, and nothing listens.
 */
export async function openGateway(options: GatewayOptions): Promise<RunningGateway> {
  const { dataDir, logger } = options
  const now = options.now ?? Date.now
  const closers: (() => unknown)[] = []
  const startedAt = now()
  const limits = { ...defaultLimits, ...options.limits }
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  try {
    // The log first: nothing happens that it could not record.
    const log = await openAuditLog({
      ...(await chosenKeyEncryption(options)),
      ...options.audit,
      dataDir: join(dataDir, 'log'),
      origin: options.origin,
      clock: now,
    })
    closers.push(() => log.close())
    log.onTrouble(({ about, detail }) => {
      if (detail === null) logger.info({ about }, 'audit log: over')
      else logger.warn({ about, detail }, 'audit log needs attention')
    })
    log.onSealed(failure =>
      logger.error({ check: failure.check, detail: failure.detail }, 'audit log sealed'),
    )

    const store = await openState(options)
    closers.push(() => store.close())
    if (options.postgres !== undefined) await claimOrigin(store, options.origin, log.vkey)
    const maskingKeys = await openMaskingKeys(store, log.keyEncryption)
    const authority = openAuthority(join(dataDir, 'pki'))
    const registry = createAgentRegistry(now)
    if (options.embedded !== undefined) {
      const { embedded } = options
      registry.addEmbedded(embedded, () =>
        directory
          .all()
          .map(c => c.name)
          .filter(name => embedded.serves(name)),
      )
    }

    const witnessing = await openWitnessing({
      ...options.witnesses,
      log,
      now,
      links: () => [
        ...registry.witnesses().map(({ agent, witness }) => ({
          name: `agent ${agent}`,
          vkey: witness.vkey,
          addCheckpoint: (body: Buffer, signal: AbortSignal) => witness.addCheckpoint(body, log.vkey, signal),
        })),
        ...(options.witnesses?.links ?? []),
      ],
      onEvent({ type, detail }) {
        if (type === 'conflict') logger.error({ detail }, 'a witness contradicts the audit log')
        else logger.warn({ detail }, `audit log ${type}`)
      },
    })
    closers.push(() => witnessing.close())
    const guarded = refuseUnwitnessed(log, () => witnessing.status().blocked)

    const documents = await createDocuments({
      store,
      ...(options.configDir === undefined ? {} : { configDir: options.configDir }),
      validate: all => [
        ...policyProblems(all),
        ...maskingProblems(all, shippedDetectors),
        ...bindingProblems(all),
      ],
      validateChange: all => unapprovableHolds(all.filter(isPolicy)),
      now,
    })
    const directory = createDirectory(connectionsOf(documents.current()))
    let policies = compilePolicies(documents.current().ofKind('Policy'))
    let linked = linkAccounts(documents.current().ofKind('Person'))
    let masking = compileMasking(documents.current().ofKind('MaskingRules'), shippedDetectors)

    const ownCalls = createOwnCalls({ log, now })
    closers.push(() => ownCalls.close())
    const side = createKubernetesSide({ registry, directory, ownCalls, limits })
    const bindings = createSessionBindings({
      connection: name => directory.byName(name),
      connections: () => directory.all(),
      linkTo: connection => registry.linkFor(connection),
      onSessionEnd: (id, listener) => void identity.sessions.onEnd(id, listener),
      ownCalls,
      now,
      onError: (error, session) => logger.warn({ error, session }, 'bindings of a session: tried again'),
    })
    closers.push(() => bindings.close())
    let providers = await providersOf(documents.current(), options)
    const identity = await openIdentity({
      store,
      now,
      hooks: withSessionBindings(
        withSessionAccounts(
          sessionEntries(log, () => policies.digest),
          {
            connection: name => directory.byName(name),
            linkTo: connection => registry.linkFor(connection),
            ownCalls,
            onError: error =>
              logger.warn({ error }, 'the service account of a session is left to the sweeper'),
          },
        ),
        session => bindings.end(session),
      ),
      onError: error => logger.error({ error }, 'sessions, sign-ins or revocations could not be followed'),
      providers,
      trust: name => directory.byName(name)?.serviceAccounts,
      reviewToken: side.reviewToken,
      clusterKeys: side.clusterKeys,
    })
    closers.push(() => identity.close())
    const { authenticator, sessions, codes } = identity

    const fingerprints = await openFingerprints({
      key: maskingKeys.fingerprints,
      rule: FINGERPRINT_RULE,
      store,
      feed: identity.feed,
      now,
      onError: error => logger.error({ error }, 'fingerprints of secrets could not be shared'),
    })
    closers.push(() => fingerprints.close())
    const maskEngine = createMaskEngines({
      placeholders: createPlaceholders(maskingKeys.tags.export()),
      fingerprints,
      fingerprintOf: value => fingerprints.fingerprintOf(value),
      plausible,
    })

    let listener: Listener | undefined
    const approvals = await openApprovals({
      store,
      feed: identity.feed,
      log: guarded,
      now,
      newId: () => newCallId(now()),
      policyDigest: () => policies.digest,
      onError: error => logger.error({ error }, 'approvals could not be followed or ended'),
      linked: (one, other) => linked(one, other),
      isRevoked: (person, since) => identity.revocations.list().some(one => covers(one, person, since)),
    })
    closers.push(() => approvals.close())
    const links = await openLinks({
      store,
      feed: identity.feed,
      log: guarded,
      revocations: identity.revocations,
      trusts: issuer => issuer === LOCAL_ISSUER || providers.some(one => one.issuer === issuer),
      now,
      newId: () => newCallId(now()),
      policyDigest: () => policies.digest,
      onError: error => logger.warn({ error }, 'a link of a channel could not be brought up to date'),
    })
    closers.push(() => links.close())
    const live = createLiveCalls({
      policies: () => policies,
      maskRules: (x, at) => maskRulesAt(masking, x, 'response', at),
      connection: name => directory.byName(name),
      grant: approvals.grant,
      onSessionEnd: (id, listener) => sessions.onEnd(id, listener),
      now,
      onError: error => logger.error({ error }, 'a call under way could not be judged again, and was ended'),
    })
    approvals.onGrantEnd(live.judgeGranted)
    const notify = await openNotify({
      store,
      feed: identity.feed,
      now,
      base: () => urlOf(options, listener),
      decide: (channel, said, sender) => decideFromChannel(channel, said, sender),
      claim: links.claim,
      onError: error =>
        logger.warn({ error }, 'a channel could not be told or heard; what can be is tried again'),
    })
    closers.push(() => notify.close())
    const channels = await channelsOf(documents.current(), options, now)
    const inFlight = createInFlight()
    const index = openAuditIndex(log, options.postgres === undefined ? {} : { postgres: options.postgres })
    closers.push(() => index.close())
    const twoPersons = await openTwoPersons({
      store,
      log,
      index,
      logger,
      now,
      policyDigest: () => policies.digest,
      recipients: options.audit?.recipients ?? [],
      linked: (one, other) => linked(one, other),
      ...(options.retention === undefined ? {} : { retention: options.retention }),
    })
    closers.push(() => twoPersons.close())
    const metrics = createMetrics(
      gaugesOf({ log, index, witnessing, registry, approvals, now, sessions: () => sessions.list().length }),
    )

    const failures = createFailureBudget({
      log,
      now,
      onError: error => logger.warn({ error }, 'failed sign-ins are counted but not yet in the log'),
    })
    closers.push(() => failures.close())

    const asSession = liveObjectReader({
      ownCalls,
      agentFor: connection => registry.agentFor(connection),
      haveRights: bindings.ready,
    })
    const gateway: Gateway = {
      log: guarded,
      recordFailure: failures.record,
      limits,
      now,
      connection: name => directory.byName(name),
      connectionOfHost: host => directory.byHost(host)?.name,
      authenticate: (token, name) =>
        authenticator.cached(token, name) ?? authenticator.authenticate(token, name),
      openSession: (principal, connection) =>
        sessions.live(principal, connection.name) ?? sessions.enter(principal, connection),
      haveRights: bindings.ready,
      onSessionEnd: (id, listener) => sessions.onEnd(id, listener),
      classify: side.classify,
      isLocal: side.isLocal,
      policies: () => policies,
      approvals,
      live,
      rates: createRateLimits(),
      masking: () => masking,
      maskEngine,
      guesses: createGuesses(now),
      trailEngine: () => maskEngine(masking.trail),
      fingerprintOf: value => fingerprints.fingerprintOf(value),
      readLive: asSession.read,
      dryRun: asSession.dryRun,
      sendAgain: asSession.again,
      agentFor: connection => registry.agentFor(connection),
      onRecordingEnds: recordingEnds(log),
      draining: () => inFlight.draining,
      onDrain: inFlight.onDrain,
      observe: {
        finished(x) {
          metrics.finished(x)
          options.onFinished?.(x)
        },
        broke: (error, callId) => logger.error({ error, callId }, 'an exchange broke'),
      },
    }

    const gate = createAgentGate({
      authority,
      registry,
      verify: identity => isEnrolled(store, identity, now),
      onEvent: event =>
        logger.info(
          { agent: event.agent, address: event.address, detail: event.detail },
          `agent ${event.type}`,
        ),
      clock: now,
    })
    closers.push(() => gate.close())

    const certificate = () => {
      const names = [...options.names, ...directory.all().flatMap(c => c.hosts)]
      const { chain, key } = ensureServerCertificate(authority, join(dataDir, 'pki'), names, now())
      return { cert: chain, key, ca: authority.pem }
    }
    const services = apiServices({
      version: options.version,
      startedAt,
      now,
      log,
      failures,
      store,
      authority,
      registry,
      witnessing,
      gate,
      documents,
      directory,
      identity,
      index,
      logger,
      policies: () => policies,
      masking: () => masking,
      providers: () => providers,
      url: () => urlOf(options, listener),
      draining: () => inFlight.draining,
      ownCalls,
      twoPersons,
      approvals,
      bindings,
      links,
      notify,
    })
    const decideFromChannel = channelDecisions({
      ...{ api: services, links },
      base: () => urlOf(options, listener),
    })
    const shown = (text: string): string =>
      (text.startsWith('/') ? maskTarget : maskText)(maskEngine(masking.trail), text)
    const api = createApi(services, { metrics: metrics.registry, shown })
    closers.push(() => api.close())
    await api.ready

    const page = createPage({
      api: services,
      browsers: browserServices(identity, () => providers, now),
      shown,
    })
    closers.push(() => page.close())
    const channelDoor = createChannelDoor(services, notify, shown)
    const doorOf = (target: string) => (isPagePath(target) ? page : isChannelPath(target) ? channelDoor : api)

    listener = await listen({
      host: options.listen.host,
      port: options.listen.port,
      tls: certificate(),
      agents: { protocol: gate.protocol, accept: gate.accept },
      connectionOfHost: gateway.connectionOfHost,
      onExchange(arrival) {
        inFlight.add(handle(gateway, { ...arrival, progress: {} }), arrival.caller)
      },
      onOwnRequest: (request, response) => doorOf(request.url ?? '').handle(request, response),
      now,
    })
    const listening = listener
    notify.setChannels(channels)

    const stopFollowing = documents.subscribe(set => {
      // First: should it fail after all, everything stays as it was.
      masking = compileMasking(set.ofKind('MaskingRules'), shippedDetectors)
      directory.replace(connectionsOf(set))
      bindings.recheck()
      policies = compilePolicies(set.ofKind('Policy'))
      linked = linkAccounts(set.ofKind('Person'))
      void live.judgeAll()
      listening.renew(certificate())
      channelsOf(set, options, now).then(notify.setChannels, error =>
        logger.error({ error }, 'channels could not be replaced; the old ones stay'),
      )
      providersOf(set, options).then(
        next => {
          const areSame = JSON.stringify(next) === JSON.stringify(providers)
          authenticator.setProviders(next)
          providers = next
          // Nobody may vouch any more for some who are in the middle of something.
          if (!areSame) void live.recheckAll()
        },
        error => logger.error({ error }, 'identity providers could not be replaced; the old ones stay'),
      )
    })
    closers.push(stopFollowing)
    // Documents that another gateway changed: soon after the store tells of it.
    const refresh = () => void refreshDocuments(documents, logger)
    closers.push(await identity.feed.follow(GENERATION.kind, { put: refresh, remove: refresh }))
    // Certificates end, and changes of documents may have failed to be read.
    const upkeep = setInterval(() => {
      refresh()
      listening.renew(certificate())
    }, 60_000)
    upkeep.unref()
    closers.push(() => clearInterval(upkeep))

    return {
      url: urlOf(options, listening),
      authority,
      log,
      store,
      documents,
      directory,
      registry,
      witnessing,
      codes,
      ownCalls,
      policies: () => policies,
      masking: () => masking,
      reload: async () => (await documents.reload()).map(formatProblem),
      async close(grace = 5_000) {
        const closed = listening.drain()
        inFlight.drain()
        page.close()
        const timer = setTimeout(() => listening.destroy(), grace)
        // Tunnels of agents are sockets of the listener; when nothing is under way nothing needs them any more.
        const idle = inFlight.end(grace, () => gate.close())
        const sweep = setInterval(() => listening.closeIdle(), 20)
        await closed
        clearTimeout(timer)
        clearInterval(sweep)
        await idle
        await closeAll(closers)
      },
    }
  } catch (error) {
    await closeAll(closers)
    throw error
  }
}

/** With errors the present set stays, and those who operate it are told. */
async function refreshDocuments(documents: Documents, logger: Logger): Promise<void> {
  try {
    const problems = await documents.refresh()
    if (problems.length > 0) {
      logger.warn({ problems: problems.map(formatProblem) }, 'documents changed elsewhere are not valid here')
    }
  } catch (error) {
    logger.warn({ error }, 'documents could not be refreshed')
  }
}

async function closeAll(closers: (() => unknown)[]): Promise<void> {
  for (const close of closers.reverse()) await close()
}

function connectionsOf(set: DocumentSet): Connection[] {
  return set.ofKind('Connection').map(toConnection)
}

function providersOf(set: DocumentSet, options: GatewayOptions) {
  const secrets = secretSource(options.configDir ?? options.dataDir, process.env)
  return Promise.all(set.ofKind('IdentityProvider').map(document => toIdentityProvider(document, secrets)))
}

function channelsOf(set: DocumentSet, options: GatewayOptions, now: () => number): Promise<Channel[]> {
  const secrets = secretSource(options.configDir ?? options.dataDir, process.env)
  return Promise.all(set.ofKind('Channel').map(document => channelOf(document, secrets, now)))
}

function urlOf(options: GatewayOptions, listener: Listener | undefined): string {
  const host = options.names[0] ?? options.listen.host
  return `https://${host.includes(':') ? `[${host}]` : host}:${listener?.port ?? options.listen.port}`
}
