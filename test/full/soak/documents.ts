import type { OidcProvider } from '../../../testbed/oidc/start-provider.ts'
import type { Cluster } from '../../../testbed/start-cluster.ts'

const apiVersion = 'sallyport.dev/v1'

/** Refused by a rule, whoever asks. */
export const SHUT_NAMESPACE = 'soak-shut'

/** What the operator of the gateway has written, by file name. */
export function documents(cluster: Cluster, provider: OidcProvider): Record<string, object> {
  const oidc = { issuer: provider.issuer, audiences: ['sallyport'], prefix: 'corp:', ca: provider.ca }
  const groupMappings = [
    { group: 'corp:dev', upstream: ['sallyport:dev'] },
    { group: 'corp:ops', upstream: ['sallyport:ops'] },
    { group: 'local:admins', upstream: ['sallyport:admins'] },
  ]
  const connection = (name: string, spec: object): object => ({
    apiVersion,
    kind: 'Connection',
    metadata: { name },
    spec: { groupMappings, ...spec },
  })
  const everyone = { groups: ['corp:dev', 'corp:ops', 'local:admins'], serviceAccounts: ['*:worker'] }
  const core = { principals: everyone, apiGroups: [''] }
  const rules = [
    { name: 'configmaps', effect: 'allow', match: { ...core, verbs: ['*'], resources: ['configmaps'] } },
    {
      name: 'logs',
      effect: 'allow',
      match: { ...core, verbs: ['get', 'list', 'watch'], resources: ['pods', 'pods/log'] },
    },
    {
      name: 'kept-shut',
      effect: 'deny',
      reason: 'this one is kept shut',
      match: { namespaces: [SHUT_NAMESPACE] },
    },
    {
      name: 'administrators',
      effect: 'allow',
      match: { principals: { groups: ['local:admins'] }, admin: { verbs: ['*'] } },
    },
  ]
  return {
    corp: { apiVersion, kind: 'IdentityProvider', metadata: { name: 'corp' }, spec: { oidc } },
    near: connection('near', {
      agents: ['embedded'],
      kubernetes: { kubeconfig: cluster.agentKubeconfig },
    }),
    far: connection('far', { agents: ['site'] }),
    policy: { apiVersion, kind: 'Policy', metadata: { name: 'soak' }, spec: { rules } },
  }
}
