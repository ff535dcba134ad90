import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { openAuthority } from '../src/pki/authority.ts'
import { ensureServerCertificate } from '../src/pki/server-certificate.ts'
import { freePorts } from '../testbed/free-ports.ts'
import type { Cluster } from '../testbed/start-cluster.ts'

/** Something between the load generator and the API server; `pids` are the processes whose CPU it costs. */
export interface Target {
  readonly name: string
  readonly url: string
  readonly prefix: string
  readonly headers: Readonly<Record<string, string>>
  readonly tls: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer }
  readonly pids: readonly number[]
  stop(): Promise<void>
}

const run = promisify(execFile)
const root = join(import.meta.dirname, '..')

/** Every target that this machine can run, and a line for each that it cannot. */
export async function startTargets(cluster: Cluster): Promise<{ targets: Target[]; missing: string[] }> {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
  const authority = openAuthority(dir)
  const server = ensureServerCertificate(authority, dir, ['127.0.0.1'])
  writeFileSync(join(dir, 'chain.crt'), server.chain)
  writeFileSync(join(dir, 'both.pem'), server.chain + server.key, { mode: 0o600 })
  const ours = { ca: Buffer.from(authority.pem) }
  const admin = { cert: readFileSync(cluster.adminCertFile), key: readFileSync(cluster.adminKeyFile) }
  const facts: Facts = { cluster, dir, ours, admin }
  const targets: Target[] = [
    {
      name: 'direct',
      url: cluster.url,
      prefix: '',
      headers: {},
      tls: { ca: readFileSync(cluster.caFile), ...admin },
      pids: [],
      stop: async () => rmSync(dir, { recursive: true, force: true }),
    },
  ]
  const missing: string[] = []
  for (const start of [startNginx, startHaproxy, startKubectlProxy, startNodeFloor, startSallyport]) {
    try {
      targets.push(await start(facts))
    } catch (error) {
      missing.push(error instanceof Error ? error.message : String(error))
    }
  }
  return { targets, missing }
}

interface Facts {
  readonly cluster: Cluster
  readonly dir: string
  readonly ours: { readonly ca: Buffer }
  readonly admin: { readonly cert: Buffer; readonly key: Buffer }
}

async function startNodeFloor({ cluster, dir, ours }: Facts): Promise<Target> {
  const child = spawn(
    process.execPath,
    [
      join(root, 'bench', 'floor-proxy.ts'),
      join(dir, 'chain.crt'),
      join(dir, 'server.key'),
      cluster.url,
      cluster.caFile,
      cluster.adminCertFile,
      cluster.adminKeyFile,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const port = await firstLine(child)
  return {
    name: 'node-floor',
    url: `https://127.0.0.1:${port}`,
    prefix: '',
    headers: {},
    tls: ours,
    pids: [child.pid!],
    stop: () => end(child),
  }
}

async function startSallyport({ cluster, dir }: Facts): Promise<Target> {
  const dataDir = join(dir, 'sallyport')
  const child = spawn(
    process.execPath,
    [
      join(root, 'src', 'cli', 'main.ts'),
      'up',
      '--data-dir',
      dataDir,
      '--listen',
      '127.0.0.1:0',
      '--kubeconfig',
      cluster.kubeconfig,
      '-o',
      'json',
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const facts = JSON.parse(await firstLine(child)) as {
    url: string
    caFile: string
    kubeconfig: string
    connection: string
  }
  const credential = await run(process.execPath, [
    join(root, 'src', 'cli', 'main.ts'),
    'credential',
    ...(await credentialArguments(facts.kubeconfig)),
  ])
  const { token } = (JSON.parse(credential.stdout) as { status: { token: string } }).status
  return {
    name: 'sallyport',
    url: facts.url,
    prefix: `/k/${facts.connection}`,
    headers: { authorization: `Bearer ${token}` },
    tls: { ca: readFileSync(facts.caFile) },
    pids: [child.pid!],
    stop: () => end(child),
  }
}

/** What the exec entry of our own kubeconfig passes to `sallyport credential`. */
async function credentialArguments(kubeconfig: string): Promise<string[]> {
  const { parse } = await import('yaml')
  const config = parse(readFileSync(kubeconfig, 'utf8')) as {
    users: { user: { exec: { args: string[] } } }[]
  }
  const { args } = config.users[0]!.user.exec
  return args.slice(args.indexOf('credential') + 1)
}

async function startKubectlProxy({ cluster }: Facts): Promise<Target> {
  const [port] = await freePorts(1)
  const child = spawn(cluster.kubectl, ['--kubeconfig', cluster.kubeconfig, 'proxy', `--port=${port}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await firstLine(child)
  return {
    name: 'kubectl-proxy',
    url: `http://127.0.0.1:${port}`,
    prefix: '',
    headers: {},
    tls: {},
    pids: [child.pid!],
    stop: () => end(child),
  }
}

async function startNginx({ cluster, dir, ours }: Facts): Promise<Target> {
  await need('nginx', '-v')
  const [port] = await freePorts(1)
  const upstream = new URL(cluster.url)
  const config = join(dir, 'nginx.conf')
  writeFileSync(
    config,
    `daemon off; worker_processes 2; pid ${dir}/nginx.pid; error_log stderr crit;
events { worker_connections 2048; }
http {
  access_log off; client_body_temp_path ${dir}/nb; proxy_temp_path ${dir}/np; fastcgi_temp_path ${dir}/nf; uwsgi_temp_path ${dir}/nu; scgi_temp_path ${dir}/ns;
  upstream api { server ${upstream.host}; keepalive 256; }
  server {
    listen 127.0.0.1:${port} ssl; ssl_certificate ${dir}/chain.crt; ssl_certificate_key ${dir}/server.key; keepalive_requests 1000000;
    location / {
      proxy_pass https://api; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; proxy_read_timeout 1h;
      proxy_ssl_certificate ${cluster.adminCertFile}; proxy_ssl_certificate_key ${cluster.adminKeyFile};
      proxy_ssl_trusted_certificate ${cluster.caFile}; proxy_ssl_verify on; proxy_ssl_name localhost; proxy_ssl_session_reuse on;
    }
  }
}
`,
  )
  const child = spawn('nginx', ['-p', dir, '-c', config], { stdio: ['ignore', 'ignore', 'inherit'] })
  await listening(port!)
  return {
    name: 'nginx',
    url: `https://127.0.0.1:${port}`,
    prefix: '',
    headers: {},
    tls: ours,
    pids: [child.pid!, ...(await children(child.pid!))],
    stop: () => end(child),
  }
}

async function startHaproxy({ cluster, dir, ours }: Facts): Promise<Target> {
  await need('haproxy', '-v')
  const [port] = await freePorts(1)
  const upstream = new URL(cluster.url)
  const client = join(dir, 'client.pem')
  writeFileSync(
    client,
    Buffer.concat([readFileSync(cluster.adminCertFile), readFileSync(cluster.adminKeyFile)]),
    { mode: 0o600 },
  )
  const config = join(dir, 'haproxy.cfg')
  writeFileSync(
    config,
    `global
  nbthread 2
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  http-reuse always
frontend in
  bind 127.0.0.1:${port} ssl crt ${dir}/both.pem
  default_backend api
backend api
  server s ${upstream.host} ssl crt ${client} ca-file ${cluster.caFile} verifyhost localhost
`,
  )
  const child = spawn('haproxy', ['-f', config, '-db', '-q'], { stdio: ['ignore', 'ignore', 'inherit'] })
  await listening(port!)
  return {
    name: 'haproxy',
    url: `https://127.0.0.1:${port}`,
    prefix: '',
    headers: {},
    tls: ours,
    pids: [child.pid!],
    stop: () => end(child),
  }
}

async function need(program: string, flag: string): Promise<void> {
  try {
    await run(program, [flag])
  } catch {
    throw new Error(`${program}: not installed (Debian package ${program})`)
  }
}

async function children(pid: number): Promise<number[]> {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return text === '' ? [] : text.split(' ').map(Number)
}

async function listening(port: number): Promise<void> {
  const { connect } = await import('node:net')
  for (let i = 0; i < 100; i++) {
    const open = await new Promise<boolean>(resolve => {
      const socket = connect(port, '127.0.0.1')
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
      socket.on('connect', () => socket.destroy())
    })
    if (open) return
    await new Promise(r => setTimeout(r, 50))
  }
  throw new Error(`nothing listens on port ${port}`)
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: child.stdout! })
    lines.once('line', resolve)
    child.once('error', reject)
    child.once('exit', code => reject(new Error(`${child.spawnfile} ended with ${code} before it was ready`)))
  })
}

function end(child: ChildProcess): Promise<void> {
  return new Promise(resolve => {
    if (child.exitCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
    setTimeout(() => child.kill('SIGKILL'), 10_000).unref()
  })
}
