import type { AgentConnection, MayBind } from '../agent.ts'
import { grantsOf } from '../bindings/grants.ts'
import type { UpstreamCredential } from '../credentials/credential.ts'
import { type MadeRequest, openApiClient } from '../upstream/api-client.ts'
import { checkBinder } from './binder-checks.ts'
import type { Finding, UpstreamChecks } from './contract.ts'
import { readVersion, whoAmI } from './rights.ts'
import { sameMaterial } from './separate.ts'
import { checkSession } from './session-checks.ts'

/**
 * Which locks the cluster behind a connection has, and what the agent's credentials may do there that they should not.
 * Changes nothing: reviews and dry runs. Never rejects: what could not be asked is a finding.
 */
export async function checkUpstream(
  connection: AgentConnection,
  made?: (request: MadeRequest) => void,
): Promise<UpstreamChecks> {
  const findings: Finding[] = []
  let serverVersion: string | undefined
  let minor: number | undefined
  let sessionUser: string | undefined
  let binderUser: string | undefined

  const session = openApiClient(connection.session, Date.now, made)
  try {
    const version = await readVersion(session)
    serverVersion = version?.text
    minor = version?.minor
    sessionUser = await whoAmI(session)
    findings.push(...(await checkSession(session, connection, minor)))
  } catch (error) {
    findings.push(failed('session/reachable', 'session', error))
  } finally {
    await session.close()
  }
  if (connection.binder !== undefined && connection.mayBind !== undefined) {
    const binder = openApiClient(connection.binder, Date.now, made)
    try {
      binderUser = await whoAmI(binder)
      findings.push(await separate(connection.session, connection.binder, sessionUser, binderUser))
      findings.push(...(await checkBinder(binder, connection.mayBind, minor)))
    } catch (error) {
      findings.push(failed('binder/reachable', 'binder', error))
    } finally {
      await binder.close()
    }
  }
  return {
    connection: connection.name,
    ...(serverVersion === undefined ? {} : { serverVersion }),
    ...(sessionUser === undefined ? {} : { sessionUser }),
    ...(binderUser === undefined ? {} : { binderUser }),
    ...(connection.binder === undefined || connection.mayBind === undefined
      ? {}
      : { mayBind: placesOf(connection.mayBind) }),
    findings,
  }
}

function placesOf(mayBind: MayBind): NonNullable<UpstreamChecks['mayBind']> {
  return grantsOf(mayBind).flatMap(({ kind, name, namespaces }) =>
    (namespaces ?? ['*']).map(namespace => ({ kind, name, namespace })),
  )
}

function failed(check: string, which: string, error: unknown): Finding {
  const reason = error instanceof Error ? error.message : String(error)
  return { check, level: 'danger', text: `the checks of the ${which} credential did not end: ${reason}` }
}

async function separate(
  session: UpstreamCredential,
  binder: UpstreamCredential,
  sessionUser: string | undefined,
  binderUser: string | undefined,
): Promise<Finding> {
  const check = 'binder/separate'
  if ((await sameMaterial(session, binder)) || (sessionUser !== undefined && sessionUser === binderUser)) {
    return {
      check,
      level: 'danger',
      text: 'session and binder are one identity: whoever has one credential has both',
      advice: 'give the binder a service account of its own: sallyport agent manifests renders one',
    }
  }
  if (sessionUser === undefined || binderUser === undefined) {
    return {
      check,
      level: 'note',
      text: 'this cluster does not say who its callers are (Kubernetes 1.28 does)',
    }
  }
  return { check, level: 'ok', text: `session and binder are two identities: ${sessionUser}, ${binderUser}` }
}
