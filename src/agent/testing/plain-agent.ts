import { type Agent, createAgent } from '../agent.ts'
import { fixedCredential } from '../credentials/credential.ts'
import { defaultPoolLimits } from '../upstream/pool.ts'
import type { StubApiServer } from './stub-api-server.ts'

/** Of the agent itself, at the stub. */
export const TOKEN = 'agent-token'

/** The embedded agent of one connection, `prod`. */
export function agentFor(target: StubApiServer['target'], limits = defaultPoolLimits): Agent {
  const session = fixedCredential(target, 'test', { authorization: `Bearer ${TOKEN}` })
  return createAgent({
    name: 'embedded',
    limits,
    connections: [{ name: 'prod', upstreamIdentity: 'principal', serviceAccounts: true, session }],
  })
}
