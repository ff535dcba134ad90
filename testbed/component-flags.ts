import { join } from 'node:path'
import type { ClusterFiles } from './cluster-files.ts'

/** What the command lines of the components need to know. */
export interface FlagFacts {
  readonly dir: string
  readonly files: ClusterFiles
  readonly url: string
  readonly port: number
  readonly etcdPort: number
  readonly etcdPeerPort: number
  readonly apiAudiences: readonly string[]
  readonly anonymousAuth: boolean
  readonly staticTokens: boolean
  readonly extra: readonly string[]
}

/** Data loss on a power cut is fine here, so etcd does not wait for the disk. */
export function etcdFlags(facts: FlagFacts): string[] {
  const client = `http://127.0.0.1:${facts.etcdPort}`
  const peer = `http://127.0.0.1:${facts.etcdPeerPort}`
  return [
    `--data-dir=${join(facts.dir, 'etcd')}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    // Must name the peer URL again: the default holds only for etcd's own default port.
    `--initial-cluster=default=${peer}`,
  ]
}

export function apiServerFlags(facts: FlagFacts): string[] {
  const pki = facts.files.pki
  return [
    `--etcd-servers=http://127.0.0.1:${facts.etcdPort}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${facts.port}`,
    `--cert-dir=${pki('apiserver')}`,
    `--tls-cert-file=${pki('apiserver.crt')}`,
    `--tls-private-key-file=${pki('apiserver.key')}`,
    // Callers: client certificates, service accounts, static tokens; RBAC decides.
    `--client-ca-file=${pki('ca.crt')}`,
    `--anonymous-auth=${facts.anonymousAuth}`,
    ...(facts.staticTokens ? [`--token-auth-file=${join(facts.dir, 'tokens.csv')}`] : []),
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    // The issuer is the real address, so that a verifier can do true discovery.
    `--service-account-issuer=${facts.url}`,
    `--service-account-jwks-uri=${facts.url}/openid/v1/jwks`,
    `--service-account-key-file=${pki('sa.pub')}`,
    `--service-account-signing-key-file=${pki('sa.key')}`,
    `--api-audiences=${facts.apiAudiences.join(',')}`,
    // Kubelets. By default the host name is tried first, and that of a test node does not resolve.
    `--kubelet-certificate-authority=${pki('ca.crt')}`,
    `--kubelet-client-certificate=${pki('apiserver-kubelet-client.crt')}`,
    `--kubelet-client-key=${pki('apiserver-kubelet-client.key')}`,
    '--kubelet-preferred-address-types=InternalIP',
    // Aggregated API servers, and an authenticating proxy in front.
    `--requestheader-client-ca-file=${pki('front-proxy-ca.crt')}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    `--proxy-client-cert-file=${pki('front-proxy-client.crt')}`,
    `--proxy-client-key-file=${pki('front-proxy-client.key')}`,
    // Blocking: when a caller has its answer, the event is in the file.
    `--audit-policy-file=${join(facts.dir, 'audit-policy.json')}`,
    `--audit-log-path=${join(facts.dir, 'audit.log')}`,
    '--audit-log-mode=blocking',
    '--service-cluster-ip-range=10.0.0.0/24',
    '--endpoint-reconciler-type=none',
    '--profiling=false',
    '--shutdown-delay-duration=0s',
    '--shutdown-watch-termination-grace-period=0s',
    ...facts.extra,
  ]
}

/** Controllers that need a cloud, real nodes or metrics are off. */
export function controllerManagerFlags(facts: FlagFacts, kubeconfig: string): string[] {
  const off = [
    'cloud-node-lifecycle-controller',
    'horizontal-pod-autoscaler-controller',
    'node-ipam-controller',
    'node-route-controller',
    'persistentvolume-attach-detach-controller',
    'persistentvolume-binder-controller',
    'persistentvolume-expander-controller',
    'ttl-controller',
  ]
  const pki = facts.files.pki
  return [
    `--kubeconfig=${kubeconfig}`,
    '--secure-port=0',
    '--leader-elect=false',
    '--use-service-account-credentials',
    // The default of 20 requests a second is what a start would wait for.
    '--kube-api-qps=300',
    '--kube-api-burst=600',
    `--service-account-private-key-file=${pki('sa.key')}`,
    `--root-ca-file=${pki('ca.crt')}`,
    `--cluster-signing-cert-file=${pki('ca.crt')}`,
    `--cluster-signing-key-file=${pki('ca.key')}`,
    `--controllers=*,${off.map(name => `-${name}`).join(',')}`,
  ]
}

export interface NodeFacts {
  readonly name: string
  readonly dir: string
  /** Credential of the node itself (`system:node:<name>`). */
  readonly kubeconfig: string
  /** Credential of the scheduler, for the one node that takes all unassigned pods. */
  readonly schedulerKubeconfig: string | undefined
  readonly isolation: 'auto' | 'namespaces' | 'none'
  readonly websockets: boolean
  /** Programs that every container finds in its PATH, by name. */
  readonly tools: Readonly<Record<string, string>>
}

export function kubeletFlags(facts: FlagFacts, node: NodeFacts): string[] {
  const pki = facts.files.pki
  return [
    `--node=${node.name}`,
    `--state=${node.dir}`,
    `--kubeconfig=${node.kubeconfig}`,
    ...(node.schedulerKubeconfig === undefined ? [] : [`--scheduler-kubeconfig=${node.schedulerKubeconfig}`]),
    `--tls-cert=${pki(`node-${node.name}-serving.crt`)}`,
    `--tls-key=${pki(`node-${node.name}-serving.key`)}`,
    `--client-ca=${pki('ca.crt')}`,
    `--isolation=${node.isolation}`,
    `--websockets=${node.websockets}`,
    ...Object.entries(node.tools).map(([name, path]) => `--tool=${name}=${path}`),
  ]
}
