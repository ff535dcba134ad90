import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { keyPem, newKey } from '../../pki/key-file.ts'
import { createSigningRequest } from '../../pki/signing-request.ts'
import type { AgentLink } from '../../tunnel/contract.ts'
import { enrolAgent, issueEnrolmentToken } from '../../tunnel/enrolment/enrolment.ts'
import { defaultLiveness, type Liveness } from '../../tunnel/protocol.ts'
import { dialGateway } from '../link/dial.ts'
import { type ServedSession, serveSession } from '../link/serve-session.ts'
import type { TestGateway } from './gateway.ts'

export interface Identity {
  readonly certificateAuthority: string
  readonly certificate: string
  readonly key: string
}

/** Enrols without the network. */
export async function enrolled(gateway: TestGateway, name: string): Promise<Identity> {
  const key = newKey()
  const { token } = await issueEnrolmentToken(gateway.store, gateway.authority, name, 'test')
  const { certificate } = await enrolAgent(gateway.store, gateway.authority, token, createSigningRequest(key))
  return { certificate, key: keyPem(key), certificateAuthority: gateway.authority.pem }
}

/** One tunnel connection of agent `identity`, ready. */
export async function dialIn(
  gateway: TestGateway,
  identity: Identity,
  agent: AgentLink,
  liveness: Liveness = defaultLiveness,
  connections: readonly string[] = ['prod'],
): Promise<ServedSession> {
  const socket = await dialGateway({ host: '127.0.0.1', port: gateway.port, ...identity })
  const session = serveSession(socket, agent, { software: '0.0.0-test', connections, liveness })
  await session.ready
  return session
}

export function newDirectory(gateway: TestGateway): string {
  return mkdtempSync(join(gateway.directory, 'agent-'))
}
