import type { RiskClassName } from './risk-classes.ts'

/** Stands for a value that a JSON patch copies from somewhere: it could be anything. */
export const ANYTHING = Symbol('anything')

/** Core resources whose keys are anybody's words. */
export const PLAIN_DATA: ReadonlySet<string> = new Set(['configmaps', 'secrets', 'events'])

/**
 * What pods of this body could do, wherever in it a pod spec stands: a Pod, a template of any kind, a custom resource,
 * or a patch of one, which may hold a single field of it. So the walk looks at fields, not for whole specs.
 * Measure for `pod-spec-host`: the baseline level of the Pod Security Standards.
 */
export function podSpecRisks(body: unknown): ReadonlySet<RiskClassName> {
  const found = new Set<RiskClassName>()
  // A JSON patch is a list of operations; everything else is an object.
  const stack: unknown[] = Array.isArray(body) ? body.map(patchedObject) : [body]
  while (stack.length > 0) {
    const at = stack.pop()
    if (Array.isArray(at)) {
      for (const item of at) if (typeof item === 'object' && item !== null) stack.push(item)
      continue
    }
    if (typeof at !== 'object' || at === null) continue
    for (const key of Object.keys(at)) {
      const value = (at as Record<string, unknown>)[key]
      if (Object.hasOwn(FIELDS, key)) {
        const risk = FIELDS[key]!(value)
        if (risk !== null) found.add(risk)
      }
      if (typeof value === 'object' && value !== null) stack.push(value)
    }
  }
  return found
}

type Judge = (value: unknown) => RiskClassName | null

const host: RiskClassName = 'pod-spec-host'
const secret: RiskClassName = 'pod-spec-secret'
const identity: RiskClassName = 'pod-spec-identity'

/** Fields of a pod spec (and of a PersistentVolume, which a pod can claim) and what their values mean. */
const FIELDS: Readonly<Record<string, Judge>> = Object.freeze(
  Object.assign(Object.create(null) as Record<string, Judge>, {
    hostPath: v => (v === ANYTHING || (typeof v === 'object' && v !== null) ? host : null),
    hostNetwork: unlessFalse(host),
    hostPID: unlessFalse(host),
    hostIPC: unlessFalse(host),
    hostProcess: unlessFalse(host),
    privileged: unlessFalse(host),
    hostPort: v => (v === ANYTHING || (typeof v !== 'object' && v !== 0 && v !== null) ? host : null),
    procMount: v => (v === 'Default' || v === null ? null : host),
    capabilities: v => (addsCapabilities(v) ? host : null),
    seccompProfile: v => (isUnconfined(v) ? host : null),
    appArmorProfile: v => (isUnconfined(v) ? host : null),
    seLinuxOptions: v => (ordinarySeLinux(v) ? null : host),
    sysctls: v => (v === ANYTHING || (Array.isArray(v) && v.some(unsafeSysctl)) ? host : null),
    flexVolume: given(host),
    // A PersistentVolume on a node's disk.
    local: v => (v === ANYTHING || has(v, 'path') ? host : null),
    serviceAccountName: v => otherAccount(v),
    serviceAccount: v => otherAccount(v),
    serviceAccountToken: given(identity),
    secretKeyRef: given(secret),
    envFrom: v => (v === ANYTHING || (Array.isArray(v) && v.some(injectsSecret)) ? secret : null),
    // Of a projected volume and of a CSI driver that mounts secrets of another store.
    secret: v => (v === ANYTHING || (typeof v === 'object' && v !== null) ? secret : null),
    csi: v => (v === ANYTHING || has(v, 'driver') ? secret : null),
    // Volumes that show a Secret to a server that the spec names.
    azureFile: given(secret),
    cephfs: showsSecret,
    iscsi: showsSecret,
    rbd: showsSecret,
    scaleIO: showsSecret,
    storageos: showsSecret,
  } satisfies Record<string, Judge>),
)

function given(risk: RiskClassName): Judge {
  return value => (value === null || value === false ? null : risk)
}

function unlessFalse(risk: RiskClassName): Judge {
  return value => (value === false || value === null ? null : risk)
}

function otherAccount(value: unknown): RiskClassName | null {
  if (value === ANYTHING) return identity
  return typeof value === 'string' && value !== '' && value !== 'default' ? identity : null
}

/** Those that the baseline level allows to add. */
const BASELINE_CAPABILITIES: ReadonlySet<unknown> = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
])

function addsCapabilities(value: unknown): boolean {
  if (value === ANYTHING) return true
  if (!has(value, 'add')) return false
  const { add } = value as { add: unknown }
  if (add === null) return false
  return !Array.isArray(add) || add.some(name => !BASELINE_CAPABILITIES.has(name))
}

function ordinarySeLinux(value: unknown): boolean {
  if (value === null) return true
  if (typeof value !== 'object') return false
  const { type, user, role } = value as Record<string, unknown>
  const types: readonly unknown[] = [
    undefined,
    '',
    'container_t',
    'container_init_t',
    'container_kvm_t',
    'container_engine_t',
  ]
  return types.includes(type) && (user ?? '') === '' && (role ?? '') === ''
}

const SAFE_SYSCTLS: ReadonlySet<unknown> = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
])

function unsafeSysctl(entry: unknown): boolean {
  return !SAFE_SYSCTLS.has((entry as { name?: unknown } | null)?.name)
}

function isUnconfined(profile: unknown): boolean {
  if (profile === ANYTHING) return true
  const type =
    typeof profile === 'object' && profile !== null ? (profile as { type?: unknown }).type : undefined
  return type === 'Unconfined' || type === ANYTHING
}

function showsSecret(volume: unknown): RiskClassName | null {
  return volume === ANYTHING || has(volume, 'secretRef') ? secret : null
}

function injectsSecret(source: unknown): boolean {
  return (
    source === ANYTHING || (has(source, 'secretRef') && (source as { secretRef: unknown }).secretRef !== null)
  )
}

function has(value: unknown, key: string): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
}

/** `{op: add, path: /spec/hostNetwork, value: true}` as the object `{spec: {hostNetwork: true}}` (RFC 6902). */
export function patchedObject(operation: unknown): unknown {
  if (typeof operation !== 'object' || operation === null) return operation
  const { op, path, value } = operation as Record<string, unknown>
  if (op === 'remove' || op === 'test') return null
  const filled = op === 'copy' || op === 'move' ? ANYTHING : value
  if (typeof path !== 'string') return filled
  const names = path
    .split('/')
    .slice(1)
    .map(name => name.replaceAll('~1', '/').replaceAll('~0', '~'))
  let object: unknown = filled
  for (const name of names.reverse()) {
    if (name === '-' || /^\d+$/.test(name)) object = [object]
    else {
      const outer = Object.create(null) as Record<string, unknown>
      outer[name] = object
      object = outer
    }
  }
  return object
}
