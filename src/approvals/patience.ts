/**
 * How long a client waits for the head of an answer before it gives up, by how its program names itself. Learned from
 * the clients' own sources and documentation; `docs/policy/approvals.md` has the table. Who can wait for ever is
 * held in place for as long as the approval is open.
 */
const CLIENTS: readonly (readonly [userAgent: RegExp, milliseconds: number])[] = [
  // client-go sets no time limit of its own; kubectl sends its --request-timeout as a parameter.
  [/^(kubectl|kubectl-[\w-]+|helm|Helm|k9s|oc|stern|flux|argocd)\//, Number.POSITIVE_INFINITY],
  // urllib3 without a timeout.
  [/^(OpenAPI-Generator|Swagger-Codegen)\/[\w.-]+\/python/, Number.POSITIVE_INFINITY],
  [/^curl\//, Number.POSITIVE_INFINITY],
  // undici: headersTimeout 300 s; @kubernetes/client-node uses it.
  [/^(node|undici|node-fetch|kubernetes-client-javascript)/, 240_000],
  // kube-rs: read_timeout 295 s.
  [/^kube-rs|^kube\//, 240_000],
  // The official Java client and fabric8: read timeout 10 s.
  [/^(Kubernetes Java Client|fabric8-kubernetes-client)\b/, 8_000],
]
/** Load balancers of the clouds cut what is silent for 60 s. */
const UNKNOWN = 50_000
/** For the answer to arrive within the client's own limit. */
const MARGIN = 1_000

/** Milliseconds that a request can be held. `timeout`: the query parameter of that name, a Go duration. */
export function patienceOf(userAgent: string, timeout: string | undefined): number {
  const known = CLIENTS.find(([pattern]) => pattern.test(userAgent))?.[1] ?? UNKNOWN
  const asked = timeout === undefined ? null : goDuration(timeout)
  if (asked === null || asked === 0) return known
  return Math.max(0, Math.min(known, asked - MARGIN))
}

const UNITS: Readonly<Record<string, number>> = {
  ...{ ns: 1e-6, us: 1e-3, µs: 1e-3, μs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 },
}

/** Milliseconds of a duration as Go's `time.ParseDuration` reads it, or of bare seconds; null when it is neither. */
export function goDuration(text: string): number | null {
  if (/^\d+$/.test(text)) return Number(text) * 1000
  if (!/^(?:\d+(?:\.\d*)?(?:ns|us|µs|μs|ms|s|m|h))+$/.test(text)) return null
  let sum = 0
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|μs|ms|s|m|h)/g)) {
    sum += Number(number) * UNITS[unit!]!
  }
  return sum
}
