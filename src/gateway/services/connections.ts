import type { ConnectionServices } from '../../api/services.ts'
import type { Documents } from '../../documents/documents.ts'
import type { CertificateAuthority } from '../../pki/authority.ts'
import type { PolicySet } from '../../policy/decision.ts'
import type { AgentRegistry } from '../../tunnel/registry.ts'
import type { Directory } from '../directory.ts'
import type { OwnCalls } from '../own-calls.ts'
import { checkConnection } from './connection-checks.ts'
import { ownSession } from './own-circumstances.ts'

export interface ConnectionServicesParts {
  readonly directory: Directory
  readonly documents: Documents
  readonly registry: AgentRegistry
  readonly authority: CertificateAuthority
  policies(): PolicySet
  url(): string
  now(): number
  readonly ownCalls: OwnCalls
}

/** Connections that a principal may open a session on, as kubeconfigs need them. */
export function connectionServices(parts: ConnectionServicesParts): ConnectionServices {
  const { directory, documents, registry, authority } = parts
  return {
    async check(name) {
      const connection = directory.byName(name)
      return connection === undefined ? undefined : checkConnection(parts, connection)
    },
    async usableBy(principal) {
      const connected = new Map(registry.status().map(a => [a.name, a.connected]))
      return directory
        .all()
        .filter(connection => {
          const action = {
            protocol: 'admin',
            verb: 'session.open',
            resource: 'connections',
            name: connection.name,
          } as const
          const circumstances = { session: ownSession(principal, parts.now()), connection, now: parts.now() }
          return parts.policies().decide(action, circumstances).effect === 'allow'
        })
        .map(connection => {
          const document = documents.current().get('Connection', connection.name)?.document
          const description = document?.kind === 'Connection' ? document.spec.description : undefined
          return {
            name: connection.name,
            kind: connection.kind,
            ...(description === undefined ? {} : { description }),
            server: `${parts.url()}/k/${connection.name}`,
            certificateAuthority: authority.pem,
            agents: connection.agents.map(name => ({ name, connected: connected.get(name) ?? false })),
            upstreamIdentity: connection.upstreamIdentity,
            capture: connection.capture,
          }
        })
    },
  }
}
