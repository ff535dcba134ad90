import { X509Certificate } from 'node:crypto'
import type { AgentServices } from '../../api/services.ts'
import { Refusal } from '../../errors/refusal.ts'
import { verifyAgentCertificate } from '../../pki/agent-certificate.ts'
import type { CertificateAuthority } from '../../pki/authority.ts'
import type { StateStore } from '../../store/store.ts'
import type { AgentGate } from '../../tunnel/agent-gate.ts'
import {
  type EnrolledAgent,
  enrolAgent,
  issueEnrolmentToken,
  listEnrolled,
  removeAgent,
  renewAgent,
} from '../../tunnel/enrolment/enrolment.ts'
import type { AgentRegistry } from '../../tunnel/registry.ts'

export interface AgentServicesOptions {
  readonly store: StateStore
  readonly authority: CertificateAuthority
  readonly registry: AgentRegistry
  readonly gate: AgentGate
  /** `host:port` where agents dial in. */
  tunnel(): string
  now(): number
}

export function agentServices(options: AgentServicesOptions): AgentServices {
  const { store, authority, registry, gate } = options
  const clock = { clock: options.now }
  const certified = (issued: EnrolledAgent) => ({
    certificate: issued.certificate,
    certificateAuthority: authority.pem,
    agent: issued.agent,
    expiresAt: issued.expiresAt,
    tunnel: options.tunnel(),
  })
  return {
    async list() {
      const enrolled = new Map((await listEnrolled(store)).map(one => [one.name, one]))
      const present = registry.status()
      const absent = [...enrolled.keys()].filter(name => !present.some(one => one.name === name))
      return [
        ...present.map(({ software, ...status }) => ({
          ...status,
          ...(software === undefined ? {} : { version: software }),
          ...lifetimeOf(enrolled.get(status.name)),
        })),
        ...absent.map(name => ({
          name,
          embedded: false,
          connected: false,
          connections: [],
          ...lifetimeOf(enrolled.get(name)),
        })),
      ]
    },
    token: (agent, lifetime, by) =>
      issueEnrolmentToken(store, authority, agent, by.username, lifetime, clock),
    async enrol(token, certificateRequest) {
      const issued = await enrolAgent(store, authority, token, certificateRequest, clock)
      if (issued.replaced) gate.disconnect(issued.agent, 'another agent enrolled under this name')
      return certified(issued)
    },
    async renew(peer, certificateRequest) {
      const identity =
        peer === undefined
          ? undefined
          : verifyAgentCertificate(authority, new X509Certificate(peer), options.now())
      if (identity === undefined) {
        throw new Refusal('credential-missing', {
          check: 'agent-certificate',
          detail: 'no agent certificate was shown',
        })
      }
      return certified(await renewAgent(store, authority, identity, certificateRequest, clock))
    },
    async remove(name) {
      const removed = await removeAgent(store, name)
      gate.disconnect(name, 'it was removed')
      registry.forget(name)
      return removed
    },
  }
}

function lifetimeOf(enrolled: { enrolledAt: number; certificateExpiresAt: number } | undefined) {
  if (enrolled === undefined) return {}
  return { enrolledAt: enrolled.enrolledAt, certificateExpiresAt: enrolled.certificateExpiresAt }
}
