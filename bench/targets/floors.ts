import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../../testbed/free-ports.ts'
import { children, end, type Facts, firstLine, listening, need, run, type Target } from './target.ts'

const root = join(import.meta.dirname, '..')

/** Where a floor sends what it gets. */
export interface Behind {
  readonly upstream: Target['upstream']
  readonly url: string
  readonly caFile: string
}

export function startNodeFloor(facts: Facts, behind: Behind): Promise<Target> {
  return startFloor('node-floor', [process.execPath, join(root, 'floor-proxy.ts')], facts, behind)
}

/** Both floors take the same arguments, and print the port that they serve at. */
async function startFloor(
  name: string,
  [program, ...first]: readonly string[],
  { cluster, dir, ours }: Facts,
  behind: Behind,
): Promise<Target> {
  const args = [...first, join(dir, 'chain.crt'), join(dir, 'server.key')]
  args.push(behind.url, behind.caFile, cluster.adminCertFile, cluster.adminKeyFile)
  const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const port = await firstLine(child)
  return {
    name,
    upstream: behind.upstream,
    url: `https://127.0.0.1:${port}`,
    prefix: '',
    headers: {},
    tls: ours,
    pids: [child.pid!],
    stop: () => end(child),
  }
}

export async function startKubectlProxy({ cluster }: Facts): Promise<Target> {
  const [port] = await freePorts(1)
  const child = spawn(cluster.kubectl, ['--kubeconfig', cluster.kubeconfig, 'proxy', `--port=${port}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await firstLine(child)
  return {
    name: 'kubectl-proxy',
    upstream: 'api',
    url: `http://127.0.0.1:${port}`,
    prefix: '',
    headers: {},
    tls: {},
    pids: [child.pid!],
    stop: () => end(child),
  }
}

export async function startNginx({ cluster, dir, ours }: Facts): Promise<Target> {
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
    upstream: 'api',
    url: `https://127.0.0.1:${port}`,
    prefix: '',
    headers: {},
    tls: ours,
    pids: [child.pid!, ...(await children(child.pid!))],
    stop: () => end(child),
  }
}

export async function startHaproxy({ cluster, dir, ours }: Facts): Promise<Target> {
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
    upstream: 'api',
    url: `https://127.0.0.1:${port}`,
    prefix: '',
    headers: {},
    tls: ours,
    pids: [child.pid!],
    stop: () => end(child),
  }
}

export async function startGoFloor(facts: Facts, behind: Behind): Promise<Target> {
  const program = join(facts.dir, 'go-floor')
  try {
    await run('go', ['build', '-o', program, join(root, 'go-floor', 'main.go')], {
      env: { ...process.env, GO111MODULE: 'off' },
    })
  } catch (error) {
    throw new Error(`go-floor: ${(error as Error).message.split('\n')[0]}`)
  }
  return startFloor('go-floor', [program], facts, behind)
}
