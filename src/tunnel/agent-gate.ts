import type { TLSSocket } from 'node:tls'
import { type AgentIdentity, verifyAgentCertificate } from '../pki/agent-certificate.ts'
import type { CertificateAuthority } from '../pki/authority.ts'
import { type AgentSession, openAgentSession } from './agent-session.ts'
import { AGENT_PROTOCOL, defaultLiveness, type Liveness, type TurnedAway } from './protocol.ts'
import type { AgentRegistry } from './registry.ts'

export interface AgentGateOptions {
  /** Issues agent certificates; another issuer's are turned away. */
  readonly authority: CertificateAuthority
  readonly registry: AgentRegistry
  /** Whether this very certificate still stands: enrolled, not removed. Asked at the door and again every `recheck`. */
  verify(identity: AgentIdentity): Promise<boolean>
  /** For the operator's log. Nothing secret in it. */
  onEvent?(event: AgentGateEvent): void
  readonly liveness?: Liveness
  /** Milliseconds. */
  readonly recheck?: number
  readonly clock?: () => number
}

export interface AgentGateEvent {
  readonly type: 'connected' | 'disconnected' | 'turned-away'
  /** Empty when the certificate names nobody. */
  readonly agent: string
  readonly address: string
  readonly detail: string
}

export interface AgentGate {
  /** ALPN name under which the listener hands connections over. */
  readonly protocol: string
  /** Takes a TLS connection whose ALPN was `protocol`. Never throws. */
  accept(socket: TLSSocket): void
  /** Cuts all connections of an agent at once, for instance when it was removed. */
  disconnect(agent: string, detail: string): void
  close(): void
}

/** setTimeout takes no more than this. */
const LONGEST_TIMER = 2 ** 31 - 1

/** Where agents come in: who they are, whether they still may, and for how long. */
export function createAgentGate(options: AgentGateOptions): AgentGate {
  const { authority, registry } = options
  const clock = options.clock ?? Date.now
  const live = new Map<AgentSession, AgentIdentity>()
  let closed = false

  const recheck = setInterval(() => {
    for (const [session, identity] of live) {
      options.verify(identity).then(
        good => {
          if (!good) session.turnAway('not-enrolled', 'it was removed, or its certificate was replaced')
        },
        // A store that cannot be read cuts nobody off: the certificate is good until it expires.
        () => {},
      )
    }
  }, options.recheck ?? 5_000)
  recheck.unref()

  function report(type: AgentGateEvent['type'], agent: string, address: string, detail: string): void {
    options.onEvent?.({ type, agent, address, detail })
  }

  function open(socket: TLSSocket, identity: AgentIdentity | undefined): void {
    const address = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`
    const name = identity?.name ?? ''
    const remote = identity === undefined ? undefined : registry.remote(identity.name)
    let expiry: NodeJS.Timeout | undefined
    let verified = false
    const session = openAgentSession(socket, options.liveness ?? defaultLiveness, {
      ready: admit,
      closed(why) {
        clearTimeout(expiry)
        live.delete(session)
        if (remote?.remove(session) !== true) return
        report('disconnected', name, address, why)
        if (!remote.connected) registry.changed(name, false)
      },
    })
    /** Takes calls only when it is enrolled and has said hello, whichever comes last. */
    function admit(): void {
      if (!verified || !session.ready || !live.has(session)) return
      remote?.add(session)
      report('connected', name, address, `serves ${session.facts?.connections.join(', ')}`)
      registry.changed(name, true)
    }
    const turnAway = (reason: TurnedAway, detail: string): void => {
      live.delete(session)
      report('turned-away', name, address, detail)
      session.turnAway(reason, detail)
    }
    if (identity === undefined) {
      turnAway('certificate', 'its certificate was not issued here, or has expired')
      return
    }
    if (closed) {
      turnAway('closing', 'this gateway is shutting down')
      return
    }
    live.set(session, identity)
    const left = Math.min(identity.expiresAt - clock(), LONGEST_TIMER)
    expiry = setTimeout(() => session.turnAway('certificate', 'its certificate has expired'), left)
    expiry.unref()
    options.verify(identity).then(
      good => {
        verified = good
        if (good) admit()
        else turnAway('not-enrolled', 'it is not enrolled, or its certificate was replaced')
      },
      () => turnAway('not-enrolled', 'its enrolment could not be looked up'),
    )
  }

  return {
    protocol: AGENT_PROTOCOL,
    accept(socket) {
      socket.on('error', () => {})
      const certificate = socket.getPeerX509Certificate()
      try {
        open(
          socket,
          certificate === undefined ? undefined : verifyAgentCertificate(authority, certificate, clock()),
        )
      } catch {
        socket.destroy()
      }
    },
    disconnect(agent, detail) {
      for (const [session, identity] of live) {
        if (identity.name === agent) session.turnAway('not-enrolled', detail)
      }
    },
    close() {
      closed = true
      clearInterval(recheck)
      for (const session of live.keys()) session.destroy('the gateway is closing')
    },
  }
}
