import { execFile, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { isPortFree } from '../../testbed/free-ports.ts'
import { type Cluster, startCluster } from '../../testbed/start-cluster.ts'
import { root } from './pages.ts'

/**
 * What the commands of a page need, as `<!-- runs: … -->` says it:
 *
 * * `offline`: a folder and the command line, nothing else
 * * `cluster`: also kubectl and a cluster in `~/.kube/config`
 * * `gateway`: also a gateway in front of it, and what its first printed line exports
 */
export const fixtureNames = ['offline', 'cluster', 'gateway'] as const
export type FixtureName = (typeof fixtureNames)[number]

/** Where the commands of one page run. */
export interface Fixture {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Puts what is there in the place of what the page names: addresses with a port, the cluster's audit log. */
  real(text: string): string
}

export interface Fixtures {
  open(name: FixtureName, text: string): Promise<Fixture>
  close(): Promise<void>
}

/** Starts what is asked for when it is asked for, one cluster and one gateway for all pages. */
export function openFixtures(): Fixtures {
  const scratch = mkdtempSync(join(tmpdir(), 'sallyport-docs-'))
  let cluster: Promise<Cluster> | undefined
  let gateway: Promise<Gateway> | undefined
  let count = 0

  function homeOf(running: Cluster | undefined): Home {
    const home = join(scratch, `home-${count++}`)
    const programs = join(home, 'bin')
    mkdirSync(programs, { recursive: true })
    const launcher = join(programs, 'sallyport')
    writeFileSync(launcher, `#!/bin/sh\nexec '${process.execPath}' '${root}/bin/sallyport.mjs' "$@"\n`)
    chmodSync(launcher, 0o755)
    if (running !== undefined) {
      symlinkSync(running.kubectl, join(programs, 'kubectl'))
      mkdirSync(join(home, '.kube'))
      // Named as the cluster that `up` makes where there is none: the pages say `demo`.
      const kubeconfig = readFileSync(running.agentKubeconfig, 'utf8').replaceAll('testbed', 'demo')
      writeFileSync(join(home, '.kube', 'config'), kubeconfig, { mode: 0o600 })
    }
    const path = [programs, join(process.execPath, '..'), process.env.PATH].join(delimiter)
    return { home, env: { HOME: home, PATH: path, LANG: 'C.UTF-8', TMPDIR: scratch } }
  }

  async function startGateway(): Promise<Gateway> {
    cluster ??= startCluster()
    const place = homeOf(await cluster)
    return startUp(place)
  }

  return {
    async open(name, text) {
      const real: (readonly [string, string])[] = []
      let place: Home
      if (name === 'gateway') {
        gateway ??= startGateway()
        const running = await gateway
        place = { home: running.home, env: running.env }
        real.push(['127.0.0.1:8443', running.address])
      } else {
        if (name === 'cluster') cluster ??= startCluster()
        place = homeOf(name === 'cluster' ? await cluster : undefined)
      }
      const addresses = [...new Set(text.match(/127\.0\.0\.1:\d{4,5}/g) ?? [])].filter(
        address => !real.some(([from]) => from === address),
      )
      const ports = await quietPorts(addresses.length)
      for (const [i, address] of addresses.entries()) real.push([address, `127.0.0.1:${ports[i]}`])
      if (cluster !== undefined) real.push(['/var/log/kubernetes/audit.log', (await cluster).auditLog])
      const cwd = join(place.home, `page-${count++}`)
      mkdirSync(cwd)
      // Gateways are named after their address in the profile, with dashes.
      const pairs = real.flatMap(([a, b]) => [
        [a, b],
        [dashed(a), dashed(b)],
      ])
      return { cwd, env: place.env, real: shown => pairs.reduce((t, [a, b]) => t.replaceAll(a!, b!), shown) }
    },
    async close() {
      await gateway?.then(running => running.stop())
      await cluster?.then(running => running.stop())
      rmSync(scratch, { recursive: true, force: true })
    },
  }
}

/**
 * Free ports below those that systems give to outgoing connections (32768 on Linux, 49152 elsewhere): a page uses them
 * some time after they were looked at, and nobody may have got one by chance meanwhile.
 */
async function quietPorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  while (found.size < count) {
    const port = randomInt(15_000, 32_000)
    if (await isPortFree(port)) found.add(port)
  }
  return [...found]
}

function dashed(address: string): string {
  return address.replace(/[.:]/g, '-')
}

interface Home {
  readonly home: string
  readonly env: Readonly<Record<string, string>>
}

interface Gateway extends Home {
  readonly address: string
  stop(): Promise<void>
}

/** `sallyport up` as the first page says it, but on a free port; its first printed line is taken as a reader takes it. */
async function startUp({ home, env }: Home): Promise<Gateway> {
  const child = spawn('sallyport', ['up', '--listen', '127.0.0.1:0'], { env, cwd: home })
  let said = ''
  const exited = new Promise<void>(resolve => child.once('close', () => resolve()))
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await exited
  }
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', chunk => {
      said += chunk
      if (said.includes('Ctrl-C stops it')) resolve()
    })
    child.stderr.on('data', chunk => {
      said += chunk
    })
    child.once('error', reject)
    void exited.then(() => reject(new Error(`up ended:\n${said}`)))
  })
  const [line, words] = /^ {2}(export (.*?) && .*)$/m.exec(said)!.slice(1) as [string, string]
  const exported = Object.fromEntries(words.split(' ').map(word => word.split('=', 2)))
  // It lists pods, and kubectl signs in.
  await promisify(execFile)('bash', ['-c', line], { env, cwd: home })
  return { home, env: { ...env, ...exported }, address: new URL(exported.SALLYPORT_GATEWAY!).host, stop }
}
