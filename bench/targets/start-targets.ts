import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAuthority } from '../../src/pki/authority.ts'
import { ensureServerCertificate } from '../../src/pki/server-certificate.ts'
import type { Cluster } from '../../testbed/start-cluster.ts'
import { startGoFloor, startHaproxy, startKubectlProxy, startNginx, startNodeFloor } from './floors.ts'
import { startSallyport } from './sallyport.ts'
import { type StaticUpstream, startStatic } from './static.ts'
import type { Facts, Target } from './target.ts'

/** Every target that this machine can run, and a line for each that it cannot. */
export async function startTargets(
  cluster: Cluster,
  recorded: ReadonlyMap<string, Buffer>,
): Promise<{ targets: Target[]; missing: string[]; dir: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
  chmodSync(dir, 0o711) // a web server started by root gives up its rights before it reads
  const authority = openAuthority(dir)
  const server = ensureServerCertificate(authority, dir, ['127.0.0.1'])
  writeFileSync(join(dir, 'chain.crt'), server.chain)
  writeFileSync(join(dir, 'both.pem'), server.chain + server.key, { mode: 0o600 })
  writeFileSync(join(dir, 'authority.crt'), authority.pem)
  const admin = { cert: readFileSync(cluster.adminCertFile), key: readFileSync(cluster.adminKeyFile) }
  const ours = { ca: Buffer.from(authority.pem) }
  const facts: Facts = { cluster, dir, ours, caFile: join(dir, 'authority.crt'), admin }
  const targets: Target[] = directTargets(facts)
  const missing: string[] = []
  const attempt = async <T>(start: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await start()
    } catch (error) {
      missing.push(error instanceof Error ? error.message : String(error))
      return undefined
    }
  }
  const real = { upstream: 'api', url: cluster.url, caFile: cluster.caFile } as const
  const still: StaticUpstream | undefined = await attempt(() => startStatic(facts, recorded))
  const starts = [startNginx, startHaproxy, startKubectlProxy].map(start => () => start(facts))
  starts.push(
    () => startNodeFloor(facts, real),
    () => startGoFloor(facts, real),
  )
  if (still !== undefined) {
    targets.push(still.target)
    const behind = { upstream: 'static', url: still.target.url, caFile: facts.caFile } as const
    starts.push(
      () => startNodeFloor(facts, behind),
      () => startGoFloor(facts, behind),
    )
  }
  for (const start of starts) {
    const target = await attempt(start)
    if (target !== undefined) targets.push(target)
  }
  targets.push(...((await attempt(() => startSallyport(facts, still?.kubeconfig))) ?? []))
  return { targets, missing, dir }
}

/**
 * Without a proxy: as the administrator whom RBAC does not bind, and as the user whom the API server sees through
 * Sallyport, impersonated by that administrator. The second is the fair measure of the API server's own CPU.
 */
function directTargets({ cluster, dir, admin }: Facts): Target[] {
  const direct: Target = {
    name: 'direct',
    upstream: 'api',
    url: cluster.url,
    prefix: '',
    headers: {},
    tls: { ca: readFileSync(cluster.caFile), ...admin },
    pids: [],
    kubeconfig: cluster.kubeconfig,
    stop: async () => rmSync(dir, { recursive: true, force: true }),
  }
  const user = {
    'impersonate-user': 'sallyport:local:admin',
    'impersonate-group': 'sallyport:admins',
    'impersonate-extra-sallyport.dev%2Fsession': 's-bench',
  }
  return [direct, { ...direct, name: 'direct-as-user', headers: user, stop: async () => {} }]
}
