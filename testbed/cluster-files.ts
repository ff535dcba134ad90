import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Authority,
  createAuthority,
  createServiceAccountKeys,
  type KeyPair,
  openAuthority,
} from './pki.ts'

/** A user of the static token file. */
export interface StaticToken {
  readonly token: string
  readonly user: string
  readonly uid?: string
  readonly groups?: readonly string[]
}

/** Everything a cluster keeps on disk. All paths are absolute. */
export interface ClusterFiles {
  readonly ca: Authority
  readonly frontProxyCa: Authority
  /** Path of `pki/<name>`. */
  pki(name: string): string
  /** Issues a certificate and writes `pki/<name>.crt` and `.key` (kept when already there). */
  certificate(name: string, make: (ca: Authority) => KeyPair): KeyPair
}

const apiServerNames = [
  '127.0.0.1',
  '10.0.0.1',
  'localhost',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
]

/** Creates (or, in a folder of an earlier run, opens) authorities, certificates and keys under `dir`. */
export function prepareClusterFiles(dir: string): ClusterFiles {
  for (const name of ['pki', 'logs', 'kubeconfigs'])
    mkdirSync(join(dir, name), { recursive: true, mode: 0o700 })
  const pki = (name: string): string => join(dir, 'pki', name)
  const ca = authorityAt(pki, 'ca', 'testbed-ca')
  const frontProxyCa = authorityAt(pki, 'front-proxy-ca', 'testbed-front-proxy-ca')
  const files: ClusterFiles = {
    ca,
    frontProxyCa,
    pki,
    certificate: (name, make) => pairAt(pki, name, () => make(ca)),
  }
  files.certificate('apiserver', by =>
    by.issue({ commonName: 'kube-apiserver', usage: 'server', addresses: apiServerNames }),
  )
  files.certificate('apiserver-kubelet-client', by =>
    by.issue({ commonName: 'kube-apiserver-kubelet-client', usage: 'client' }),
  )
  files.certificate('admin', by =>
    by.issue({ commonName: 'admin', organizations: ['system:masters'], usage: 'client' }),
  )
  pairAt(pki, 'front-proxy-client', () =>
    frontProxyCa.issue({ commonName: 'front-proxy-client', usage: 'client' }),
  )
  if (!existsSync(pki('sa.key'))) {
    const keys = createServiceAccountKeys()
    writeFileSync(pki('sa.pub'), keys.publicKey, { mode: 0o600 })
    writeFileSync(pki('sa.key'), keys.privateKey, { mode: 0o600 })
  }
  return files
}

/** Metadata of every request, one event when the answer is complete (two for an upgrade). */
export function writeAuditPolicy(path: string): void {
  const policy = {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [{ level: 'Metadata' }],
  }
  writeFileSync(path, JSON.stringify(policy))
}

/** Static token file: token, user, uid, "group,group" a line. */
export function writeStaticTokens(path: string, tokens: readonly StaticToken[]): void {
  const lines = tokens.map((each, index) => {
    const fields = [each.token, each.user, each.uid ?? `static-${index}`, (each.groups ?? []).join(',')]
    return fields.map(field => `"${field.replaceAll('"', '""')}"`).join(',')
  })
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 })
}

function authorityAt(pki: (name: string) => string, name: string, commonName: string): Authority {
  return openAuthority(pairAt(pki, name, () => createAuthority(commonName)))
}

function pairAt(pki: (name: string) => string, name: string, make: () => KeyPair): KeyPair {
  const [certFile, keyFile] = [pki(`${name}.crt`), pki(`${name}.key`)]
  if (existsSync(certFile) && existsSync(keyFile)) {
    return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  }
  const pair = make()
  writeFileSync(certFile, pair.cert, { mode: 0o600 })
  writeFileSync(keyFile, pair.key, { mode: 0o600 })
  return { cert: pair.cert, key: pair.key }
}
