/**
 * The ONE list of risk classes, gravest first: what a request can do beyond what its verb and resource say.
 * `ordinary` classes are covered by an allow rule that does not name them; all others are opened only by
 * `riskClasses`. A request can have several classes; `risk.ts` says which.
 */
export interface RiskClass {
  readonly name: string
  readonly ordinary: boolean
  readonly about: string
}

const table = [
  { name: 'unknown-verb', ordinary: false, about: 'a verb that kube-apiserver does not have' },
  { name: 'unjudged-body', ordinary: false, about: 'a write whose body could not be looked into' },
  { name: 'node-proxy', ordinary: false, about: 'requests to a kubelet, exec included, past RBAC and audit' },
  {
    name: 'control-plane',
    ordinary: false,
    about: 'changes how the API server works: webhooks, CRDs, APIServices, nodes, admission',
  },
  { name: 'rbac', ordinary: false, about: 'changes who may do what' },
  { name: 'csr', ordinary: false, about: 'asks for, approves or issues a client certificate' },
  { name: 'token-mint', ordinary: false, about: 'mints a credential of the cluster that leaves the gateway' },
  { name: 'access-review', ordinary: false, about: 'asks what others may do, or whose a token is' },
  { name: 'unknown-subresource', ordinary: false, about: 'a subresource whose effect is not known' },
  {
    name: 'pod-spec-host',
    ordinary: false,
    about: 'a pod that gets at its node: host paths, host namespaces, privileged',
  },
  {
    name: 'pod-spec-identity',
    ordinary: false,
    about: 'a pod that runs as a chosen service account or asks for its tokens',
  },
  {
    name: 'pod-spec-secret',
    ordinary: false,
    about: 'a pod that gets Secrets mounted or injected: reads them without get secrets',
  },
  { name: 'ephemeral-container', ordinary: false, about: 'a container added to a running pod' },
  { name: 'exec', ordinary: false, about: 'a command in a running container' },
  { name: 'attach', ordinary: false, about: 'the terminal of a running container' },
  { name: 'port-forward', ordinary: false, about: 'any port of a pod, past network policy' },
  { name: 'pod-proxy', ordinary: false, about: 'any HTTP request to a pod' },
  { name: 'service-proxy', ordinary: false, about: 'any HTTP request to a service' },
  { name: 'pod-binding', ordinary: false, about: 'places a pod on a chosen node' },
  {
    name: 'traffic-redirect',
    ordinary: false,
    about: 'sends traffic elsewhere: endpoints, addresses of a service',
  },
  { name: 'secret-read', ordinary: false, about: 'an answer with Secret data in it' },
  {
    name: 'collection-delete',
    ordinary: false,
    about: 'deletes many objects with one request: a collection or a namespace',
  },
  { name: 'impersonate', ordinary: false, about: 'acts as somebody else; opened by match.impersonate only' },
  { name: 'eviction', ordinary: true, about: 'deletes a pod under another name' },
  {
    name: 'owner-change',
    ordinary: true,
    about: 'names owners of an object that is there: without them it is deleted',
  },
  {
    name: 'status-write',
    ordinary: true,
    about: 'says that something is so, which controllers then believe',
  },
  { name: 'scale', ordinary: true, about: 'changes the number of replicas' },
  { name: 'resize', ordinary: true, about: 'changes the resources of a running pod' },
] as const satisfies readonly RiskClass[]

export type RiskClassName = (typeof table)[number]['name']

export const riskClasses: readonly (RiskClass & { readonly name: RiskClassName })[] = table

export const riskClassNames = table.map(c => c.name) as RiskClassName[]

export const ordinaryRiskClasses: ReadonlySet<string> = new Set(
  table.filter(c => c.ordinary).map(c => c.name),
)
