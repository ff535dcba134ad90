import { stringify } from 'yaml'
import { API_VERSION } from '../../brand.ts'
import { BINDER_ACCOUNT, SESSION_ACCOUNT } from '../names.ts'
import type { DeploymentInput, ManifestInput } from './input.ts'
import { type Manifest, object } from './manifest.ts'

const NAME = 'sallyport-agent'
const CONFIG = '/etc/sallyport'
const DATA = '/var/lib/sallyport'
const TOKEN = '/var/run/sallyport/enrolment'
const BINDER = '/var/run/sallyport/binder'

/** The agent as a pod: its configuration, its identity on a volume, the binder's token, itself. */
export function deployment(input: ManifestInput, { image, gateway }: DeploymentInput): Manifest[] {
  const { namespace, mayBind } = input
  const selector = { 'app.kubernetes.io/name': NAME }
  const mounts = [
    { name: 'config', mountPath: CONFIG, readOnly: true },
    { name: 'data', mountPath: DATA },
    { name: 'enrolment', mountPath: TOKEN, readOnly: true },
    ...(mayBind === undefined ? [] : [{ name: 'binder', mountPath: BINDER, readOnly: true }]),
  ]
  const volumes = [
    { name: 'config', configMap: { name: NAME } },
    { name: 'data', persistentVolumeClaim: { claimName: NAME } },
    { name: 'enrolment', secret: { secretName: 'sallyport-agent-enrolment', optional: true } },
    ...(mayBind === undefined ? [] : [{ name: 'binder', secret: { secretName: BINDER_ACCOUNT } }]),
  ]
  const container = {
    name: 'agent',
    image,
    args: ['agent', 'run', '--config', `${CONFIG}/agent.yaml`],
    resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: mounts,
  }
  const pod = {
    serviceAccountName: SESSION_ACCOUNT,
    automountServiceAccountToken: true,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65532,
      runAsGroup: 65532,
      fsGroup: 65532,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [container],
    volumes,
  }
  const claim = {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '16Mi' } },
  }
  return [
    ...(mayBind === undefined ? [] : [binderToken(namespace)]),
    {
      comment: ['The configuration of the agent, the local half of the locks above.'],
      object: object('v1', 'ConfigMap', NAME, namespace, {
        data: { 'agent.yaml': stringify(agentConfig(input, gateway), { lineWidth: 0 }) },
      }),
    },
    {
      comment: [
        "The agent's key and certificate; without it every restart would need a new enrolment token.",
      ],
      object: object('v1', 'PersistentVolumeClaim', NAME, namespace, { spec: claim }),
    },
    {
      comment: [
        'It enrols with a token that is good once:',
        `sallyport agent token NAME | kubectl -n ${namespace} create secret generic sallyport-agent-enrolment --from-file=token=/dev/stdin`,
      ],
      object: object('apps/v1', 'Deployment', NAME, namespace, {
        spec: {
          replicas: 1,
          // Two agents with one identity would be one too many.
          strategy: { type: 'Recreate' },
          selector: { matchLabels: selector },
          template: { metadata: { labels: selector }, spec: pod },
        },
      }),
    },
  ]
}

/** A pod can project tokens of its own account only, so the binder's comes from a Secret. */
function binderToken(namespace: string): Manifest {
  const secret = object('v1', 'Secret', BINDER_ACCOUNT, namespace, {
    type: 'kubernetes.io/service-account-token',
  })
  const annotations = { 'kubernetes.io/service-account.name': BINDER_ACCOUNT }
  return {
    comment: ["The binder's token for the agent. It has no end: delete this object to revoke it."],
    object: { ...secret, metadata: { ...secret.metadata, annotations } },
  }
}

/** What `parseAgentConfig` reads. */
export function agentConfig(input: ManifestInput, gateway: string): object {
  const { connection, upstreamIdentity, serviceAccounts, groups, users, ceiling, mayBind } = input
  const listed = (names: readonly string[] | undefined): names is readonly string[] =>
    names !== undefined && names.length > 0
  return {
    apiVersion: API_VERSION,
    kind: 'AgentConfig',
    gateway,
    dataDir: DATA,
    tokenFile: `${TOKEN}/token`,
    connections: [
      {
        name: connection,
        upstreamIdentity,
        serviceAccounts,
        ...(listed(groups) ? { groups } : {}),
        ...(listed(users) ? { users } : {}),
        credential: { inCluster: {} },
        ...(mayBind === undefined ? {} : { binder: { inCluster: { directory: BINDER } }, mayBind }),
        ...(ceiling === undefined ? {} : { ceiling }),
      },
    ],
  }
}
