import type { RequestCheck } from '../../src/kubernetes/request/refusals.ts'
import type { Draft } from './draft.ts'
import type { Random } from './random.ts'

/** One trick. `may` names the checks of the written refusal list that it may fail; empty: it must not be refused. */
export interface Mutation {
  readonly name: string
  readonly may: readonly RequestCheck[]
  apply(draft: Draft, random: Random): void
}

export const mutations: readonly Mutation[] = [
  ...pathMutations(),
  ...queryMutations(),
  ...headerMutations(),
  ...lineMutations(),
]

function pathMutations(): Mutation[] {
  const insertInPath = (name: string, may: RequestCheck[], texts: string[]): Mutation => ({
    name,
    may,
    apply(draft, random) {
      // Not inside a percent escape, and not before the first slash.
      let at = 1 + random.below(draft.path.length)
      if (draft.path[at - 1] === '%' || draft.path[at - 2] === '%') at = draft.path.length
      draft.path = draft.path.slice(0, at) + random.pick(texts) + draft.path.slice(at)
    },
  })
  const wholeSegment = (name: string, may: RequestCheck[], texts: string[]): Mutation => ({
    name,
    // The path may have ended in a slash.
    may: [...may, 'empty-segment'],
    apply(draft, random) {
      const segments = draft.path.split('/')
      segments.splice(1 + random.below(segments.length), 0, random.pick(texts))
      draft.path = segments.join('/')
    },
  })
  return [
    {
      name: 'trailing slash',
      may: ['trailing-slash', 'empty-segment'],
      apply(draft) {
        draft.path += '/'
      },
    },
    wholeSegment('empty segment', ['empty-segment', 'trailing-slash'], ['']),
    wholeSegment('dot segment', ['dot-segment', 'path-too-deep'], ['.', '..', '%2e', '%2E%2e', '.%2e']),
    wholeSegment(
      'further segment',
      ['path-too-deep', 'trailing-slash', 'legacy-prefix'],
      ['exec', 'x', 'status', 'namespaces', '...', 'proxy'],
    ),
    wholeSegment('legacy prefix', ['legacy-prefix', 'path-too-deep'], ['watch', 'proxy']),
    insertInPath('escaped slash', ['encoded-slash', 'dot-segment'], ['%2F', '%2f']),
    insertInPath('backslash', ['backslash'], ['\\', '%5c', '%5C']),
    insertInPath('control byte', ['control-byte'], ['%00', '%0a', '%0D%0A', '%7f', '%1b']),
    insertInPath(
      'non-ASCII',
      ['non-ascii', 'bad-utf8'],
      ['%C3%A9', '%E2%84%AA', '%ff', '%C0%AF', '%EF%BC%8F', '%e2%80%ae'],
    ),
    insertInPath('raw high byte', ['target-character', 'http-syntax'], ['\xe9', '\xc3\xa9', '\x80']),
    insertInPath('double encoding', ['double-encoding'], ['%252e', '%25', '%252F', '%2525']),
    insertInPath(
      'bad escape',
      ['bad-escape', 'double-encoding', 'bad-utf8', 'non-ascii', 'control-byte'],
      ['%', '%z', '%4', '%%', '%G1', '%u0041'],
    ),
    insertInPath(
      'punctuation',
      [],
      [
        ';',
        ',',
        '=',
        '+',
        '$',
        '!',
        '(',
        ')',
        '*',
        "'",
        '&',
        '~',
        '|',
        '"',
        '<',
        '{',
        '}',
        '^',
        '`',
        '[',
        ']',
      ],
    ),
    insertInPath('hash', ['target-character', 'http-syntax'], ['#', '#x']),
    insertInPath('escaped punctuation', [], ['%3B', '%23', '%3F', '%20', '%2B', '%26', '%3a', '%40']),
    {
      name: 'upper case',
      may: [],
      apply(draft, random) {
        const segments = draft.path.split('/')
        const at = random.below(segments.length)
        if (!segments[at]!.includes('%')) segments[at] = segments[at]!.toUpperCase()
        draft.path = segments.join('/')
      },
    },
    {
      name: 'absolute form',
      may: ['target-form', 'http-syntax'],
      apply(draft) {
        draft.path = `http://other.example${draft.path}`
      },
    },
    {
      name: 'double slash in front',
      may: ['empty-segment'],
      apply(draft) {
        draft.path = `/${draft.path}`
      },
    },
    {
      name: 'no slash in front',
      may: ['target-form', 'http-syntax'],
      apply(draft) {
        draft.path = draft.path.slice(1)
      },
    },
    {
      name: 'long target',
      may: ['target-too-long', 'http-syntax'],
      apply(draft, random) {
        draft.query ??= []
        draft.query.push(`x=${'y'.repeat(random.pick([30_000, 33_000, 70_000]))}`)
      },
    },
  ]
}

function queryMutations(): Mutation[] {
  const add = (name: string, may: RequestCheck[], pairs: string[]): Mutation => ({
    name,
    may,
    apply(draft, random) {
      draft.query ??= []
      draft.query.splice(random.below(draft.query.length + 1), 0, random.pick(pairs))
    },
  })
  // A well-formed request may have the same parameter with another value.
  const again: RequestCheck = 'query-repeated'
  return [
    add('semicolon', ['query-semicolon', again], ['a;b=c', ';', 'watch=true;x', 'x=1;y=2']),
    add('escaped semicolon', [], ['a%3Bb=c', 'x=%3b']),
    add('bad escape in the query', ['bad-escape', again], ['x=%', 'x=%zz', '%=x', 'watch=%tr', 'a%4=1']),
    add(
      'bad UTF-8 in the query',
      ['bad-utf8', again],
      ['x=%ff', 'x=%C0%AF', '%ff=x', 'labelSelector=%80', 'command=%f0%28'],
    ),
    add(
      'control byte in the query',
      ['control-byte', again],
      ['x=%00', 'command=%00', 'labelSelector=a%0A', 'x=%1b', 'fieldSelector=%09'],
    ),
    add('control byte in a command', [], ['command=a%0Ab%09c', 'command=%1b%5B0m']),
    add('odd parameter name', ['query-name'], ['=x', '%C3%A9=1', '%00=1', '%0A']),
    add('empty pairs', [], ['', '&', '&&&']),
    add(
      'watch in all spellings',
      [again],
      [
        'watch',
        'watch=',
        'watch=yes',
        'watch=00',
        'watch=FALSE',
        'watch=fAlSe',
        'watch=0',
        '%77atch=1',
        'watch=tru%65',
        'watch=+0',
        'watch=no',
      ],
    ),
    add('watch with case folding', ['query-value', again], ['watch=fal%C5%BFe', 'watch=%EF%BC%90']),
    add('watch twice', [again], ['watch=true&watch=false', 'watch=0&watch=1', 'watch=1&watch=1']),
    add('case variant', [], ['Watch=true', 'WATCH=1', 'fieldselector=metadata.name=x', 'DryRun=All']),
    add(
      'repeated',
      [again],
      [
        'dryRun=All&dryRun=',
        'fieldManager=a&fieldManager=b',
        'resourceVersion=1&resourceVersion=2',
        'labelSelector=a&labelSelector=b',
        'fieldSelector=metadata.name%3Da&fieldSelector=metadata.name%3Db',
      ],
    ),
    add('repeated command', [], ['command=a&command=b&command=a', 'ports=80&ports=443']),
    add(
      'field selector',
      [again],
      [
        'fieldSelector=metadata.name%3Dx',
        'fieldSelector=metadata.name==x',
        'fieldSelector=metadata.name!=x',
        'fieldSelector=metadata.name===x',
        'fieldSelector=metadata.name',
        'fieldSelector=metadata.name=',
        'fieldSelector==metadata.name',
        'fieldSelector=metadata.name%3Db,metadata.name%3Da',
        'fieldSelector=metadata.name%3Da,metadata.name%21%3Db',
        'fieldSelector=metadata.name%3Da,,',
        'fieldSelector=,metadata.name%3Da',
        'fieldSelector=metadata.name%3Da%5C%2Cb',
        'fieldSelector=metadata.name%3Da%5Cb',
        'fieldSelector=metadata.name%3Da%5C',
        'fieldSelector=metadata.name%3Da/b',
        'fieldSelector=metadata.name%3D..',
        'fieldSelector=metadata.name%3D.',
        'fieldSelector=metadata.name%3Da%2525',
        'fieldSelector=+metadata.name%3Da',
        'fieldSelector=metadata.name+%3Da',
        'fieldSelector=metadata.name%3D+a',
        'fieldSelector=metadata.name%3Da,bad',
        'fieldSelector=metadata.name%3Da,%3D',
        'fieldSelector=metadata.name%3Da,%21%3D',
        'fieldSelector=metadata.name%3D%5C%3D',
        'fieldSelector=xmetadata.name%3Da',
        'fieldSelector=metadata.name%3DA,metadata.name%3D%5C%5C',
      ],
    ),
    add(
      'field selector beyond ASCII',
      ['non-ascii', again],
      [
        'fieldSelector=metadata.name%3D%C3%A9',
        'fieldSelector=metadata.name%3D%F0%9F%98%80,metadata.name%3D%EF%BC%8F',
      ],
    ),
    add(
      'name and bad options',
      [again],
      [
        'fieldSelector=metadata.name%3Dx&limit=',
        'fieldSelector=metadata.name%3Dx&limit=abc',
        'fieldSelector=metadata.name%3Dx&limit=-1',
        'fieldSelector=metadata.name%3Dx&limit=%2B7',
        'fieldSelector=metadata.name%3Dx&limit=0x10',
        'fieldSelector=metadata.name%3Dx&limit=1_000',
        'fieldSelector=metadata.name%3Dx&limit=9223372036854775807',
        'fieldSelector=metadata.name%3Dx&limit=9223372036854775808',
        'fieldSelector=metadata.name%3Dx&limit=-9223372036854775808',
        'fieldSelector=metadata.name%3Dx&timeoutSeconds=1.5',
        'fieldSelector=metadata.name%3Dx&timeoutSeconds=00000000000000000000000007',
        'fieldSelector=metadata.name%3Dx&watch=1&limit=x',
        'fieldSelector=metadata.name%3Dx&sendInitialEvents=maybe',
      ],
    ),
    add(
      'name and label selector',
      ['selector-unreadable', again],
      [
        'a',
        '!a',
        'a=b',
        'a==b,c!=d',
        'a in (b,c)',
        'a notin (b)',
        'a=',
        'a>5',
        'a,',
        ',',
        'a b',
        'in',
        'in in (in)',
        'notin=x',
        'a in ()',
        'a in (b',
        'a=b=c',
        '!a=b',
        '-a',
        'a/b/c',
        'ex.dev/a=b',
        'Ex.dev/a=b',
        `${'n'.repeat(64)}=b`,
        `a=${'v'.repeat(64)}`,
        ' a = b ',
        'a=b ,c=d',
        '!  a',
        'a=in',
        'a in(b)',
        'a=(b)',
        'a exists',
        `${'x'.repeat(64)}.dev/a`,
        'a..b/c',
        'a=b,!in',
        'a_.-b=c_.-d',
        'a.=b',
      ].map(labels => `fieldSelector=metadata.name%3Dx&labelSelector=${encodeURIComponent(labels)}`),
    ),
    add(
      'raw punctuation in the query',
      [],
      ['x={"a":[1]}', 'x=a|b', 'x=<y>', 'x=`', 'x=^', 'x=\\', "x='*'!", 'x=a=b=c', 'x=?/:@', 'x?y'],
    ),
    add(
      'raw odd bytes in the query',
      ['target-character', 'http-syntax'],
      ['x=\xe9', 'x=#y', '#', 'x=\x7f', 'x=\x01'],
    ),
    {
      name: 'bare question mark',
      may: [],
      apply(draft) {
        draft.query = ['']
      },
    },
  ]
}

function headerMutations(): Mutation[] {
  const add = (name: string, may: RequestCheck[], headers: [string, string][][]): Mutation => ({
    name,
    may,
    apply(draft, random) {
      for (const header of random.pick(headers))
        draft.headers.splice(1 + random.below(draft.headers.length), 0, header)
    },
  })
  const replace = (name: string, may: RequestCheck[], headers: [string, string][][]): Mutation => ({
    name,
    may,
    apply(draft, random) {
      const chosen = random.pick(headers)
      const gone = new Set(chosen.map(([header]) => header.toLowerCase()))
      draft.headers = [...draft.headers.filter(([header]) => !gone.has(header.toLowerCase())), ...chosen]
    },
  })
  const upgrades: RequestCheck[] = [
    'connection-token',
    'upgrade-mismatch',
    'upgrade-unknown',
    'upgrade-method',
    'unexpected-body',
    'http-syntax',
  ]
  const one = (name: string, values: string[]): [string, string][][] => values.map(value => [[name, value]])
  return [
    replace(
      'connection token',
      upgrades,
      one('Connection', [
        'xupgradex',
        'up-grade, upgrade2',
        '"Upgrade"',
        'Impersonate-User',
        'close, Authorization',
        'TE',
        'keep-alive, Upgrade, x',
        'upgrade',
        'Upgrade;x',
        ', ,',
        '',
      ]),
    ),
    replace(
      'connection lists',
      [...upgrades],
      one('Connection', ['keep-alive, close', 'Keep-Alive,', ' close', 'CLOSE']),
    ),
    add(
      'upgrade header',
      upgrades,
      one('Upgrade', [
        'websocket',
        'WebSocket',
        'h2c',
        'SPDY/3.1',
        'spdy/3.1',
        'websocket, SPDY/3.1',
        'websocket/13',
        '"websocket"',
        'foo',
      ]),
    ),
    replace(
      'upgrade pair',
      upgrades,
      ['websocket', 'WEBSOCKET', 'h2c', 'SPDY/3.1', 'SPDY/3', 'websocket,h2c', ''].flatMap(upgrade =>
        ['Upgrade', 'upgrade, keep-alive', 'xupgradex'].map(
          connection =>
            [
              ['Connection', connection],
              ['Upgrade', upgrade],
            ] as [string, string][],
        ),
      ),
    ),
    replace(
      'transfer encoding',
      ['transfer-encoding', 'length-conflict', 'unexpected-body', 'http-syntax'],
      one('Transfer-Encoding', [
        'xchunked',
        'identity',
        'gzip, chunked',
        'chunked, chunked',
        'Chunked',
        'chunked;x',
        '',
        ' chunked',
      ]),
    ),
    replace(
      'content length',
      ['content-length', 'length-conflict', 'unexpected-body', 'http-syntax'],
      one('Content-Length', ['0', '00', '+1', '-1', '1 ', '0x1', '1,1', '99999999999999999999', '']),
    ),
    add(
      'length and transfer encoding',
      ['length-conflict', 'content-length', 'transfer-encoding', 'unexpected-body', 'http-syntax'],
      [
        [
          ['Content-Length', '5'],
          ['Transfer-Encoding', 'chunked'],
        ],
      ],
    ),
    add(
      'second length',
      ['content-length', 'length-conflict', 'unexpected-body', 'http-syntax'],
      [
        [
          ['Content-Length', '0'],
          ['Content-Length', '0'],
        ],
        [
          ['Content-Length', '1'],
          ['Content-Length', '2'],
        ],
      ],
    ),
    add(
      'expect',
      ['expect', 'http-syntax'],
      [
        ...one('Expect', ['100-continue', '100-Continue', 'x', '100-continue, x', '']),
        [
          ['Expect', '100-continue'],
          ['Expect', '100-continue'],
        ],
      ],
    ),
    add(
      'second host',
      ['host-repeated', 'host-value', 'http-syntax'],
      one('Host', ['other.example', 'cluster.example:6443', '']),
    ),
    add('identity of a front proxy', [], one('X-Remote-User', ['admin', '', '\xe9'])),
    add(
      'forwarded',
      [],
      [
        ...one('X-Forwarded-Proto', ['http']),
        ...one('X_Remote_User', ['admin']),
        ...one('X-Client-Cert', ['x']),
      ],
    ),
    add(
      'impersonation',
      [],
      [
        [['Impersonate-User', 'jane']],
        [
          ['impersonate-user', 'jane'],
          ['IMPERSONATE-GROUP', 'a'],
          ['Impersonate-Group', 'b'],
        ],
        [
          ['Impersonate-User', 'j'],
          ['Impersonate-Extra-scopes', 'x'],
          ['Impersonate-Extra-a%2fb', 'y'],
        ],
        [
          ['Impersonate-User', 'j'],
          ['Impersonate-Uid', '7'],
        ],
      ],
    ),
    add(
      'odd impersonation',
      [
        'impersonate-unknown',
        'impersonate-repeated',
        'impersonate-value',
        'impersonate-without-user',
        'http-syntax',
      ],
      [
        [['Impersonate_User', 'x']],
        [['Impersonate-Group', 'x']],
        [
          ['Impersonate-User', 'a'],
          ['Impersonate-User', 'b'],
        ],
        [['Impersonate-User', '']],
        [['Impersonate-Node', 'n']],
        [['Impersonate', 'x']],
        [['Impersonate-User', '\xe9']],
        [
          ['Impersonate-User', 'a'],
          ['Impersonate-Extra-', 'b'],
        ],
        [
          ['Impersonate-User', 'a'],
          ['Impersonate-Extra-%zz', 'b'],
        ],
      ],
    ),
    add(
      'second credential',
      ['credential-ambiguous', 'upgrade-mismatch'],
      [
        [
          ['Authorization', 'Bearer a'],
          ['authorization', 'Bearer b'],
        ],
        [
          ['Authorization', 'Bearer x'],
          ['Sec-WebSocket-Protocol', 'base64url.bearer.authorization.k8s.io.YQ, v5.channel.k8s.io'],
        ],
      ],
    ),
    add(
      'method override',
      ['method-override'],
      [
        ...one('X-HTTP-Method-Override', ['DELETE']),
        ...one('x-method-override', ['PUT']),
        ...one('X-HTTP-Method', ['PATCH']),
      ],
    ),
    add(
      'repeated header',
      ['header-repeated', 'content-type'],
      [
        [
          ['Accept', '*/*'],
          ['Accept', 'application/json'],
        ],
        [
          ['User-Agent', 'a'],
          ['User-Agent', 'b'],
        ],
        [
          ['Content-Type', 'application/json'],
          ['content-type', 'application/yaml'],
        ],
      ],
    ),
    replace(
      'content type',
      ['content-type'],
      one('Content-Type', [
        'application/json;charset=utf-16',
        'application/json; a=b',
        'APPLICATION/JSON',
        'application/json;charset="UTF-8"',
        'text',
        '',
        'application/json, application/yaml',
        'application/json;;',
        '*/*',
        'application/json ;',
      ]),
    ),
    replace(
      'content encoding',
      ['content-encoding'],
      one('Content-Encoding', ['gzip', 'GZIP', 'identity', 'gzip, gzip', 'br', 'deflate', '']),
    ),
    replace(
      'header value',
      ['header-value', 'http-syntax'],
      [...one('User-Agent', ['\xe9', 'a\tb', 'x\x01']), ...one('X-Anything', ['\xff\xfe', '\x80'])],
    ),
    add(
      'header name',
      ['header-name', 'http-syntax'],
      [...one('Bad Name', ['x']), ...one('Na\xefve', ['x']), ...one('X-\x01', ['x']), ...one('', ['x'])],
    ),
    {
      name: 'no host',
      may: ['http-syntax'],
      apply(draft) {
        draft.headers = draft.headers.filter(([name]) => name !== 'Host')
      },
    },
  ]
}

function lineMutations(): Mutation[] {
  return [
    {
      name: 'method',
      may: ['method', 'http-syntax', 'unexpected-body', 'upgrade-method'],
      apply(draft, random) {
        draft.method = random.pick([
          'OPTIONS',
          'TRACE',
          'CONNECT',
          'get',
          'Get',
          'PROPFIND',
          'FOO',
          'LIST',
          'WATCH',
          'QUERY',
          '',
        ])
      },
    },
    {
      name: 'other method',
      may: ['unexpected-body', 'upgrade-method'],
      apply(draft, random) {
        draft.method = random.pick(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
      },
    },
    {
      name: 'version',
      may: ['http-syntax', 'http-version'],
      apply(draft, random) {
        draft.version = random.pick([
          'HTTP/1.0',
          'HTTP/2.0',
          'HTTP/0.9',
          'http/1.1',
          'HTTP/1.2',
          'HTTP/1',
          '',
        ])
      },
    },
    {
      name: 'folded header',
      may: ['http-syntax', 'header-value'],
      apply(draft) {
        draft.headers.push(['X-Folded', 'a\r\n b'])
      },
    },
    {
      name: 'line ends',
      may: ['http-syntax'],
      apply(draft, random) {
        draft.headers.push(['X-Line', random.pick(['a\nX-Next: b', 'a\rX-Next: b', 'a\r\n\tb'])])
      },
    },
  ]
}
