import assert from 'node:assert/strict'
import type { OidcProvider } from '../../../testbed/oidc/start-provider.ts'
import { runKubectl } from '../../../testbed/run-kubectl.ts'
import type { Cluster } from '../../../testbed/start-cluster.ts'
import { call, openSession } from '../../e2e/call.ts'
import type { Up } from '../../e2e/rig.ts'
import type { Identity } from './client.ts'
import { NAMESPACE } from './cluster.ts'

/** Persons by ID token, a service account, and sessions of the local administrator, one on each connection. */
export interface Identities {
  readonly direct: Identity
  readonly alice: Identity
  readonly bob: Identity
  readonly account: Identity
  readonly embedded: Identity
  readonly remote: Identity
}

/** `renew` gets all their credentials anew; those of two renewals ago are ended then. */
export function createIdentities(
  cluster: Cluster,
  provider: OidcProvider,
  up: Up,
  admin: string,
): { readonly identities: Identities; renew(): Promise<void> } {
  const bearers = new Map<string, string>()
  const identity = (name: string): Identity => ({ name, bearer: () => bearers.get(name) })
  /** Of the renewal before and of the one before that; the older ones are ended, nobody uses them any more. */
  let [recent, old]: [string[], string[]] = [[], []]
  return {
    identities: {
      direct: { name: 'direct', bearer: () => undefined },
      alice: identity('alice'),
      bob: identity('bob'),
      account: identity('account'),
      embedded: identity('embedded'),
      remote: identity('remote'),
    },
    async renew() {
      for (const person of ['alice', 'bob'])
        bearers.set(person, await provider.idToken(person, { lifetime: 600 }))
      const created = await runKubectl(cluster, [
        ...['-n', NAMESPACE, 'create', 'token', 'worker', '--duration=10m'],
      ])
      assert.equal(created.code, 0, created.stderr)
      bearers.set('account', created.stdout.trim())
      const opened: string[] = []
      for (const [name, connection] of [
        ['embedded', 'near'],
        ['remote', 'far'],
      ] as const) {
        const { id, token } = await openSession(up, admin, connection)
        bearers.set(name, token)
        opened.push(id)
      }
      for (const id of old) {
        const ended = await call(up, `/v1/sessions/${id}`, { method: 'DELETE', token: admin })
        assert.ok(ended.status < 300, `end of session: ${ended.status} ${ended.body}`)
      }
      ;[recent, old] = [opened, recent]
    },
  }
}
