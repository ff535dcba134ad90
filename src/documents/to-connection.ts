import { compileBindingRule } from '../connections/binding-rule.ts'
import type { Connection } from '../connections/connection.ts'
import { parseDuration } from './duration.ts'
import type { ConnectionDocument } from './schema/connection.ts'

const HOUR = 3_600_000
const LEASE = 300_000

/** What the rest of the gateway knows of a connection; what is not written gets the default. */
export function toConnection({ metadata, spec }: ConnectionDocument): Connection {
  return {
    name: metadata.name,
    kind: 'kubernetes',
    hosts: spec.hosts ?? [],
    agents: spec.agents,
    upstreamIdentity: spec.upstreamIdentity ?? 'principal',
    groupMappings: spec.groupMappings ?? [],
    serviceAccounts: {
      enabled: spec.serviceAccounts?.enabled ?? true,
      alsoFrom: spec.serviceAccounts?.alsoFrom ?? [],
      audiences: spec.serviceAccounts?.audiences ?? [],
    },
    warnings: spec.warnings !== 'off',
    capture: spec.capture ?? 'full',
    session: {
      idle: milliseconds(spec.session?.idle, HOUR),
      maximum: milliseconds(spec.session?.maximum, 12 * HOUR),
    },
    ...(spec.bindings === undefined
      ? {}
      : {
          bindings: spec.bindings.map(compileBindingRule),
          bindingLease: milliseconds(spec.session?.lease, LEASE),
        }),
  }
}

function milliseconds(text: string | undefined, fallback: number): number {
  return text === undefined ? fallback : (parseDuration(text) ?? fallback)
}
