import type { Random } from '../parity/random.ts'

/** Stands in the value of every header field that no upstream may see. */
export const FORBIDDEN = 'forbidden-canary'

const PATHS = [
  '/api/v1/namespaces/d/pods',
  '/api/v1/namespaces/d/pods/p',
  '/api/v1/namespaces/d/pods/p/log?follow=true',
  '/api/v1/namespaces/d/pods/p/exec?command=ls',
  '/api/v1/namespaces/d/pods/p/proxy/a/b?x=y',
  '/api/v1/namespaces/d/secrets/s',
  '/api/v1/pods?watch=true&timeoutSeconds=5',
  '/api/v1/namespaces/d/secrets?fieldSelector=metadata.name%3Ds',
  '/apis/apps/v1/namespaces/d/deployments/x/scale',
  '/apis/example.dev/v1/namespaces/d/widgets/w',
  '/apis/example.dev/v1/gadgets',
  '/api/v1/namespaces/d',
  '/api/v1/nodes/n/proxy/exec/d/p/c',
  '/version',
  '/openapi/v3',
  '/apis/apps/v1',
] as const

/** Targets that go after the router itself. */
const TARGETS = [
  '//evil/api/v1/secrets',
  '/api/v1/namespaces/a/pods/p/proxy/%2e%2e/exec',
  '/api/v1/namespaces//secrets',
  '/api/v1/watch/namespaces/d/secrets',
  '/api/v1/proxy/namespaces/d/pods/p',
  '/api/v1/namespaces/../secrets',
  '/../../v1/status',
  '/api/v1/namespaces/d/pods/p%2Fexec',
  '/api/v1/namespaces/d/pods?watch&watch=false',
  '/api/v1/namespaces/d/pods;x=1',
  '/%61pi/v1/pods',
  '?watch=1',
  '',
] as const

const EVIL_HEADERS = [
  'Authorization: Bearer forbidden-canary',
  'authorization: Basic forbidden-canary',
  'Cookie: a=forbidden-canary',
  'Impersonate-User: forbidden-canary',
  'impersonate-group: system:masters',
  'Impersonate-Extra-x: forbidden-canary',
  'Impersonate_User: forbidden-canary',
  'X-Remote-User: forbidden-canary',
  'X-Remote-Group: system:masters',
  'X-Forwarded-For: forbidden-canary',
  'X-Forwarded-Host: forbidden-canary',
  'Forwarded: for=forbidden-canary',
  'Range: bytes=0-forbidden-canary',
  'Audit-ID: forbidden-canary',
  'X-Client-Cert: forbidden-canary',
  'Connection: Impersonate-User, Authorization, Audit-ID',
  'Connection: close',
  'Connection: keep-alive, xupgradex',
  'Upgrade: websocket',
  'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__',
  'TE: trailers',
  'Trailer: X-Remote-User',
  'Expect: 100-continue',
  'Expect: 200-maybe',
  'Host: forbidden-canary',
  'X-HTTP-Method-Override: DELETE',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding : chunked',
  'Content-Length: 0',
  'Content-Length: 5',
  'Content-Length: +5',
  'Content-Length: 0x5',
  'Content-Length: 5, 5',
  'Content-Length: 99999999999999999999',
  'Content-Encoding: gzip',
  'Content-Encoding: gzip, gzip',
  'Content-Type: application/yaml',
  'Content-Type: application/vnd.kubernetes.protobuf',
  'Content-Type: text/plain',
  'Accept: application/vnd.kubernetes.protobuf',
  'Accept: */*',
  'Accept-Encoding: gzip',
  'Proxy-Authorization: Basic forbidden-canary',
  'Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.Zm9yYmlkZGVu, v4.channel.k8s.io',
  ' folded: forbidden-canary',
  'X-Empty:',
  ': forbidden-canary',
  'If-None-Match: "e"',
  'Origin: https://evil.example',
] as const

const INSERTS = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  '\t',
  ' ',
  '%2f',
  '%2F',
  '%5c',
  '%00',
  '%2e%2e',
  '..',
  '/',
  '//',
  ';',
  '\\',
  '?',
  '#',
  '%',
  '%25',
  '&',
  '=',
  '\u00ff',
  '\u0080',
  ':',
  ',',
  '\r\n\r\n',
  '\r\n ',
  'HTTP/1.1',
  '{',
  '}',
  '"',
  '0\r\n\r\n',
] as const

const METHODS = ['GET', 'GET', 'GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'] as const
const ODD_METHODS = ['get', 'TRACE', 'CONNECT', 'OPTIONS', 'PRI', 'WATCH', 'G\u0000T', 'GETT', ''] as const
const VERSIONS = ['HTTP/1.0', 'HTTP/2.0', 'HTTP/1.2', 'HTTP/0.9', 'http/1.1', 'HTTP/1.1 ', ''] as const

const BODIES = [
  '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p"}}',
  '{"kind":"Pod","kind":"Secret","apiVersion":"v1"}',
  '{"kind":"Pod","apiVersion":"v1","Kind":"Secret"}',
  '{"a":1',
  '[]',
  '',
  '{"kind":"Widget","apiVersion":"example.dev/v1","metadata":{"name":"w"},"__proto__":{"x":1}}',
  '{"kind":"DeleteOptions","apiVersion":"v1","dryRun":["All"]}',
  'kind: Pod\n',
] as const

export interface FuzzContext {
  readonly token: string
  readonly connection: string
}

/** Bytes of one to three requests, most of them with something wrong. */
export function fuzzBytes(random: Random, context: FuzzContext): Buffer {
  const requests = random.chance(0.15) ? 1 + random.below(3) : 1
  let text = ''
  for (let i = 0; i < requests; i++) text += oneRequest(random, context)
  for (let left = random.chance(0.3) ? 1 + random.below(3) : 0; left > 0; left--) text = damage(text, random)
  return Buffer.from(text, 'latin1')
}

function oneRequest(random: Random, { token, connection }: FuzzContext): string {
  const method = random.chance(0.06) ? random.pick(ODD_METHODS) : random.pick(METHODS)
  let target: string = random.chance(0.1) ? random.pick(TARGETS) : random.pick(PATHS)
  if (random.chance(0.15)) {
    const at = random.below(target.length + 1)
    target = target.slice(0, at) + random.pick(INSERTS) + target.slice(at)
  }
  const prefix = random.chance(0.04)
    ? random.pick(['', '/k', '/k/', 'http://evil', '/k/other'])
    : `/k/${connection}`
  const version = random.chance(0.04) ? random.pick(VERSIONS) : 'HTTP/1.1'
  const lines = [random.chance(0.02) ? 'Host:' : 'Host: 127.0.0.1']
  if (!random.chance(0.04)) lines.push(`Authorization: Bearer ${token}`)
  const writes =
    method === 'POST' || method === 'PUT' || method === 'PATCH' || (method === 'DELETE' && random.chance(0.3))
  let body = ''
  if (writes || random.chance(0.05)) {
    body = random.chance(0.5) ? BODIES[0] : random.pick(BODIES)
    const patch = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
    if (!random.chance(0.05)) lines.push(`Content-Type: ${patch}`)
    if (random.chance(0.2)) {
      lines.push('Transfer-Encoding: chunked')
      body = `${body.length.toString(16)}${random.chance(0.1) ? ';ext=1' : ''}\r\n${body}\r\n0\r\n${random.chance(0.2) ? 'X-Remote-User: forbidden-canary\r\n' : ''}\r\n`
    } else
      lines.push(`Content-Length: ${random.chance(0.06) ? body.length + random.below(9) - 4 : body.length}`)
  }
  for (let left = random.chance(0.5) ? 1 + random.below(2) : 0; left > 0; left--)
    lines.splice(random.below(lines.length + 1), 0, random.pick(EVIL_HEADERS))
  const end = random.chance(0.03) ? '\n' : '\r\n'
  return `${method} ${prefix}${target} ${version}${end}${lines.join(end)}${end}${end}${body}`
}

/** One change of a few bytes anywhere. */
function damage(text: string, random: Random): string {
  const at = random.below(text.length + 1)
  switch (random.below(5)) {
    case 0:
      return text.slice(0, at) + random.pick(INSERTS) + text.slice(at)
    case 1:
      return text.slice(0, at) + text.slice(at + 1 + random.below(4))
    case 2:
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1)
    case 3: {
      const length = random.below(40)
      return text.slice(0, at) + text.slice(at, at + length) + text.slice(at)
    }
    default:
      return text.slice(0, at)
  }
}
