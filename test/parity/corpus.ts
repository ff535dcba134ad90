import type { RequestCheck } from '../../src/kubernetes/request/refusals.ts'

/** A trick as raw bytes, and what must become of it. `n` is its number in the list of known bypasses. */
export interface Trick {
  readonly n: string
  readonly raw: string
  readonly becomes: 'accepted' | RequestCheck
}

const host = 'Host: cluster.example\r\n'
const websocket =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n'

function get(n: string, target: string, becomes: Trick['becomes'], headers = ''): Trick {
  return { n, raw: `GET ${target} HTTP/1.1\r\n${host}${headers}\r\n`, becomes }
}

function post(
  n: string,
  target: string,
  becomes: Trick['becomes'],
  headers = 'Content-Length: 0\r\n',
): Trick {
  return { n, raw: `POST ${target} HTTP/1.1\r\n${host}${headers}\r\n`, becomes }
}

const exec = '/api/v1/namespaces/d/pods/p/exec'
const pods = '/api/v1/namespaces/d/pods'

export const tricks: readonly Trick[] = [
  post('A1', `${exec}/`, 'trailing-slash'),
  post('A1', `${exec}//`, 'empty-segment'),
  post('A1', `${exec}?command=sh`, 'accepted'),
  get('A2', '/api/v1/namespaces/d/pods/p%2Fexec', 'encoded-slash'),
  get('A2', '/api/v1/namespaces/d%2Fpods/p/exec', 'encoded-slash'),
  get('A2', '/api/v1/namespaces/d/pods/p%5Cexec', 'backslash'),
  get('A2', '/api/v1/namespaces/d/pods/p%00', 'control-byte'),
  get('A2', '/api/v1/namespaces/d/pods/%2e%2E/exec', 'dot-segment'),
  get('A2', '/api/v1/namespaces/d/pods/caf%C3%A9', 'non-ascii'),
  get('A2', '/api/v1/namespaces/d/pods/%252fexec', 'double-encoding'),
  get('A3', '/api/v1/namespaces/d/pods/p/%65xec', 'accepted'),
  get('A3', '/api/v1/namespaces/d/%73ecrets', 'accepted'),
  get('A4', '//evil/api/v1/secrets', 'empty-segment'),
  get('A4', '//evil.example', 'empty-segment'),
  get('A5', '/api/v1/namespaces/a/pods/p/proxy/%2e%2e/exec', 'dot-segment'),
  get('A5', '/api/v1/namespaces/a/pods/p/proxy/../exec', 'dot-segment'),
  get('A6', '/api/v1/namespaces\\d\\pods', 'backslash'),
  get('A6', '/api/v1/pods%0d%0aX:%20y', 'control-byte'),
  get('A6', '/api/v1/na\tmespaces', 'http-syntax'),
  get('A7', 'http://other.example/api/v1/pods', 'target-form'),
  get('A7', 'https://cluster.example/api/v1/pods', 'target-form'),
  { n: 'A7', raw: `OPTIONS * HTTP/1.1\r\n${host}\r\n`, becomes: 'method' },
  { n: 'A7', raw: `GET api/v1 HTTP/1.1\r\n${host}\r\n`, becomes: 'http-syntax' },
  get('A8', '/api/v1/namespaces/../secrets', 'dot-segment'),
  get('A8', '/api/v1/namespaces/./secrets', 'dot-segment'),
  get('A9', '/api/v1/namespaces//secrets', 'empty-segment'),
  get('A9', '/api//v1/secrets', 'empty-segment'),
  get('A10', '/api/v1/watch/namespaces/d/secrets', 'legacy-prefix'),
  get('A10', '/apis/apps/v1/watch/deployments', 'legacy-prefix'),
  get('A11', '/api/v1/proxy/namespaces/d/pods/p', 'legacy-prefix'),
  ...['watch', 'watch=', 'watch=yes', 'watch=1', '%77atch=1', 'watch=False', 'watch=0'].map(query =>
    get('A12', `${pods}?${query}`, 'accepted'),
  ),
  get('A12', `${pods}?watch=true&watch=false`, 'query-repeated'),
  get('A12', `${pods}?watch=fal%C5%BFe`, 'query-value'),
  get('A12', `${pods}?limit=1;watch=1`, 'query-semicolon'),
  get('A12', `${pods}?watch=%zz`, 'bad-escape'),
  get('A13', `${pods}?fieldSelector=metadata.name%3Dx`, 'accepted'),
  get('A13', `${pods}?fieldSelector=metadata.name%3Dx&limit=no`, 'accepted'),
  get('A14', '/apis/extensions/v1beta1/namespaces/d/deployments', 'accepted'),
  get('A15', '/apis/example.dev/v1/namespaces/d/gadgets/g', 'accepted'),
  { n: 'A16', raw: `HEAD /api/v1/namespaces/d/secrets/s HTTP/1.1\r\n${host}\r\n`, becomes: 'accepted' },
  { n: 'A17', raw: `TRACE ${pods} HTTP/1.1\r\n${host}\r\n`, becomes: 'method' },
  { n: 'A17', raw: `OPTIONS ${pods} HTTP/1.1\r\n${host}\r\n`, becomes: 'method' },
  { n: 'A17', raw: `CONNECT cluster.example:443 HTTP/1.1\r\n${host}\r\n`, becomes: 'http-syntax' },
  { n: 'A17', raw: `get ${pods} HTTP/1.1\r\n${host}\r\n`, becomes: 'http-syntax' },
  post('A17', pods, 'method-override', 'X-HTTP-Method-Override: DELETE\r\nContent-Length: 0\r\n'),
  ...['/debug/pprof/heap', '/logs/', '/metrics', '/configz', '/openapi/v2', '/healthz', '/.well-known/x'].map(
    path => get('A18', path, 'accepted'),
  ),
  get('C35', pods, 'accepted', 'IMPERSONATE-USER: jane\r\nImpersonate-Group: a\r\nimpersonate-group: b\r\n'),
  get('C35', pods, 'impersonate-unknown', 'Impersonate_User: jane\r\n'),
  get('C35', pods, 'impersonate-unknown', 'Impersonate-User: jane\r\nImpersonate-Pod: p\r\n'),
  get('C35', pods, 'impersonate-repeated', 'Impersonate-User: a\r\nImpersonate-User: b\r\n'),
  get('C35', pods, 'impersonate-without-user', 'Impersonate-Group: system:masters\r\n'),
  get('C36', pods, 'connection-token', 'Connection: Impersonate-User\r\n'),
  get('C36', pods, 'connection-token', 'Connection: close, Authorization\r\n'),
  get(
    'C37',
    pods,
    'accepted',
    'X-Remote-User: admin\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=x\r\nX-Client-Cert: y\r\n',
  ),
  get('C39', pods, 'credential-ambiguous', 'Authorization: Bearer a\r\nauthorization: Bearer b\r\n'),
  get(
    'C39',
    exec,
    'credential-ambiguous',
    `${websocket}Authorization: Bearer a\r\nSec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.YQ, v5.channel.k8s.io\r\n`,
  ),
  get('D47', exec, 'connection-token', 'Connection: keep-alive, xupgradex\r\nUpgrade: websocket\r\n'),
  get('D47', exec, 'connection-token', 'Connection: up-grade, upgrade2\r\nUpgrade: websocket\r\n'),
  get('D47', exec, 'connection-token', 'Connection: "Upgrade"\r\nUpgrade: websocket\r\n'),
  get('D47', exec, 'upgrade-mismatch', 'Upgrade: websocket\r\n'),
  get('D47', exec, 'upgrade-mismatch', 'Connection: Upgrade\r\n'),
  get('D47', exec, 'accepted', websocket),
  post('D47', exec, 'accepted', 'Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n'),
  get('D48', pods, 'upgrade-unknown', 'Connection: Upgrade\r\nUpgrade: h2c\r\n'),
  get(
    'D48',
    pods,
    'connection-token',
    'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n',
  ),
  post('D51', pods, 'http-syntax', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'),
  post('D51', pods, 'http-syntax', 'Content-Length: 5\r\nContent-Length: 6\r\n'),
  post('D51', pods, 'http-syntax', 'X-A: b\r\n c\r\nContent-Length : 0\r\n'),
  post('D51', pods, 'transfer-encoding', 'Transfer-Encoding: xchunked\r\n'),
  get('D51', pods, 'host-repeated', 'Host: other.example\r\n'),
  get('D51', pods, 'unexpected-body', 'Content-Length: 5\r\n'),
  post('D52', pods, 'accepted', 'Expect: 100-continue\r\nContent-Length: 2\r\n'),
  post('D52', pods, 'expect', 'Expect: 200-ok\r\nContent-Length: 2\r\n'),
  post(
    'D52',
    pods,
    'accepted',
    'Trailer: Impersonate-User\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n',
  ),
  post('D56', pods, 'content-encoding', 'Content-Encoding: gzip, gzip\r\nContent-Length: 2\r\n'),
  post('D56', pods, 'content-encoding', 'Content-Encoding: br\r\nContent-Length: 2\r\n'),
  post('D56', pods, 'accepted', 'Content-Encoding: gzip\r\nContent-Length: 2\r\n'),
  get('D57', '/api/v1/namespaces/d/pods/p/log', 'accepted', 'Range: bytes=0-9\r\nIf-Range: x\r\n'),
  post(
    'D60',
    pods,
    'content-type',
    'Content-Type: application/json\r\nContent-Type: application/yaml\r\nContent-Length: 2\r\n',
  ),
  post(
    'D60',
    pods,
    'content-type',
    'Content-Type: application/json; charset=utf-16\r\nContent-Length: 2\r\n',
  ),
  post('D60', pods, 'accepted', 'Content-Type: APPLICATION/JSON;charset="utf-8"\r\nContent-Length: 2\r\n'),
  get('D61', '/api/v1/namespaces/d/pods/%E2%84%AA', 'non-ascii'),
  get('D61', '/api/v1/namespaces/d/pods/%ff', 'bad-utf8'),
  get('D61', `${pods}?fieldSelector=metadata.name%3D%E2%84%AA`, 'non-ascii'),
  get('D61', '/api/v1/namespaces/d/pods/a%E2%80%AEb', 'non-ascii'),
  get('D61', `${pods}?labelSelector=%FF`, 'bad-utf8'),
  get('D61', `${pods}?labelSelector=a%00`, 'control-byte'),
  { n: 'D53', raw: `GET ${pods} HTTP/2.0\r\n${host}\r\n`, becomes: 'http-version' },
]
