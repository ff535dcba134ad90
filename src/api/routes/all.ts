import type { Registry } from 'prom-client'
import type { AttemptLimit } from '../../identity/attempt-limit.ts'
import type { Route } from '../route.ts'
import type { ApiServices } from '../services.ts'
import { agentRoutes } from './agents.ts'
import { approvalStatsRoutes } from './approval-stats.ts'
import { approvalRoutes } from './approvals.ts'
import { auditRoutes } from './audit.ts'
import { brokenGlassRoutes } from './broken-glass.ts'
import { channelRoutes } from './channels.ts'
import { delegationRoutes } from './delegations.ts'
import { documentRoutes } from './documents.ts'
import { grantRoutes } from './grants.ts'
import { healthRoutes } from './health.ts'
import { identityRoutes } from './identity.ts'
import { maskingRoutes } from './masking.ts'
import { policyRoutes } from './policy.ts'
import { revealRoutes } from './reveals.ts'
import { revocationRoutes } from './revocations.ts'
import { sessionRoutes } from './sessions.ts'
import { shredRoutes } from './shreds.ts'
import { signInRoutes } from './signin.ts'

export interface RouteContext {
  readonly attempts: AttemptLimit
  readonly metrics: Registry | undefined
  openapi(): object
}

export function allRoutes(services: ApiServices, context: RouteContext): Route[] {
  return [
    ...healthRoutes(services, context),
    ...signInRoutes(services, context.attempts),
    ...identityRoutes(services),
    ...sessionRoutes(services),
    ...revocationRoutes(services),
    ...auditRoutes(services),
    ...approvalRoutes(services),
    ...brokenGlassRoutes(services),
    ...approvalStatsRoutes(services),
    ...grantRoutes(services),
    ...channelRoutes(services),
    ...delegationRoutes(services),
    ...revealRoutes(services),
    ...shredRoutes(services),
    ...documentRoutes(services),
    ...policyRoutes(services),
    ...maskingRoutes(services),
    ...agentRoutes(services, context.attempts),
  ]
}
