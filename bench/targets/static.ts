import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { freePorts } from '../../testbed/free-ports.ts'
import { writeKubeconfig } from '../../testbed/kubeconfig.ts'
import { children, end, type Facts, listening, need, type Target } from './target.ts'

export interface StaticUpstream {
  readonly target: Target
  /** Of the same server, for what needs one. */
  readonly kubeconfig: string
}

/**
 * An API server that costs next to nothing: nginx answers what the scenarios ask with recorded bytes and passes the
 * rest (discovery, reviews) on to the real one. What a proxy can do at most is measured against it.
 */
export async function startStatic(
  facts: Facts,
  recorded: ReadonlyMap<string, Buffer>,
): Promise<StaticUpstream> {
  await need('nginx', '-v')
  const { cluster, dir, ours } = facts
  const [port] = await freePorts(1)
  const upstream = new URL(cluster.url)
  const root = join(dir, 'static')
  const locations = []
  for (const [path, bytes] of recorded) {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    writeFileSync(join(root, `${path}.json`), bytes)
    locations.push(
      `location = ${path} { default_type application/json; try_files ${path}.json =404; etag off; }`,
    )
  }
  const config = join(dir, 'static.conf')
  writeFileSync(
    config,
    `daemon off; worker_processes 1; pid ${dir}/static.pid; error_log stderr crit;
events { worker_connections 2048; }
http {
  access_log off; client_body_temp_path ${dir}/sb; proxy_temp_path ${dir}/sp; fastcgi_temp_path ${dir}/sf; uwsgi_temp_path ${dir}/su; scgi_temp_path ${dir}/ss;
  sendfile on; keepalive_requests 100000000; open_file_cache max=100;
  server {
    listen 127.0.0.1:${port} ssl; ssl_certificate ${dir}/chain.crt; ssl_certificate_key ${dir}/server.key; root ${root};
    ${locations.join('\n    ')}
    location / {
      proxy_pass https://${upstream.host}; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_ssl_certificate ${cluster.adminCertFile}; proxy_ssl_certificate_key ${cluster.adminKeyFile};
      proxy_ssl_trusted_certificate ${cluster.caFile}; proxy_ssl_verify on; proxy_ssl_name localhost;
    }
  }
}
`,
  )
  const child = spawn('nginx', ['-p', dir, '-c', config], { stdio: ['ignore', 'ignore', 'inherit'] })
  await listening(port!)
  const url = `https://127.0.0.1:${port}`
  const kubeconfig = join(dir, 'static.kubeconfig')
  writeKubeconfig(kubeconfig, { server: url, ca: ours.ca.toString(), user: { token: 'nobody-asks-for-it' } })
  return {
    kubeconfig,
    target: {
      name: 'direct',
      upstream: 'static',
      url,
      prefix: '',
      headers: {},
      tls: ours,
      pids: [child.pid!, ...(await children(child.pid!))],
      stop: () => end(child),
    },
  }
}
