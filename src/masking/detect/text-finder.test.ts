import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Finding, MaskRule } from '../contract.ts'
import { defaultDetectors, detectors } from './detectors.ts'
import { createTextFinder } from './text-finder.ts'

function rule(name: string): MaskRule {
  return { name, action: 'mask', first: 0, last: 0, keep: 'raw', learn: true }
}

const byDefault = createTextFinder(new Map(defaultDetectors.map(name => [name, rule(name)])))
const everything = createTextFinder(new Map([...detectors.keys()].map(name => [name, rule(name)])))

function found(text: string, finder = byDefault): Finding[] {
  const list: Finding[] = []
  finder.find(text, list)
  return list
}

/** Credentials are put together here, so that no scanner of repositories takes this file for a leak. */
const AWS_ID = `AK${'IA'}Q7ZK3MW5RTPX2NVB`
const AWS_SECRET = `k3Yt9${'vQx2Lm8Zr5Wn1Bf7Hd4Js6Gp0Ac/'}Ue+Ti`.padEnd(40, 'q7R')
const GITHUB = `gh${'p_'}${'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'}`
const JWT = [
  Buffer.from('{"alg":"RS256","kid":"1"}').toString('base64url'),
  Buffer.from('{"sub":"alice"}').toString('base64url'),
  'c2lnbmF0dXJl',
].join('.')
const dashes = '-'.repeat(5)
function pem(type: string, newline = '\n'): string {
  const body = 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7'
  return [`${dashes}BEGIN ${type}${dashes}`, body, body, `${dashes}END ${type}${dashes}`].join(newline)
}

/** `«…»` marks what must be found, no more and no less. */
const CASES: readonly string[] = [
  // environment dumps, shells
  'DB_PASSWORD=«hunter2»',
  'HOME=/root\nDB_PASSWORD=«hunter2»\nPATH=/bin',
  'export DB_PASSWORD="«hunter two»"; run',
  "DB_PASSWORD='«hunter2»' ./run",
  'run with password=«hunter2» host=db',
  'DB_PASSWORD=«correct horse battery»',
  // YAML, ini, properties
  'password: «hunter2»\nuser: bob',
  '  - password: «hunter2»',
  'password: "«hun#ter2»" # comment',
  'password: «hunter2» # comment',
  'password: |\n  «line one\n  line two»\nuser: bob',
  'password: >-\n  «hunter2»\n',
  'password:\n  «hunter2»\nuser: bob',
  'spring.datasource.password=«hunter2»',
  'password = «hunter2»',
  "config['password'] = '«it''s»'",
  '- name: DB_PASSWORD\n  value: «hunter2»\n',
  '- name: DB_PASSWORD\n  value: "«hunter2»"\n- name: LOG\n  value: debug',
  // JSON, at any depth of quoting
  '{"password":"«hun,ter2»","user":"bob"}',
  '{"password": "«a\\"b\\\\»"}',
  '{\\"password\\":\\"«hunter2»\\",\\"user\\":1}',
  '{\\\\\\"password\\\\\\":\\\\\\"«hunter2»\\\\\\"}',
  '{\\"password\\":\\"«hun\\\\\\"ter2»\\"}',
  '{"name":"DB_PASSWORD","value":"«hunter2»"}',
  '{"passwords":["«hunter2»"]}',
  '{"pin":1,"password":«123456»,"user":"bob"}',
  "{'password': '«hunter2»'}",
  // Go
  'map[password:«hunter2» user:bob]',
  '{Password:«hunter2»}',
  'EnvVar{Name:DB_PASSWORD,Value:«hunter2»,ValueFrom:nil,}',
  '{Name:DB_PASSWORD Value:«hunter2» ValueFrom:nil}',
  'connecting (password="«hunter2»", host="db")',
  // XML, .NET
  '<password>«hunter2»</password>',
  '<key>password</key><string>«hunter2»</string>',
  '<add key="Password" value="«hunter2»"/>',
  // command lines
  'app --password «hunter2» --verbose',
  'app --password=«hunter2»',
  'app -Dpassword=«hunter2»',
  '["--password","«hunter2»"]',
  '["app", "--db-password", "«hunter2»", "--v=2"]',
  'mysql -u root -p«hunter2» shop',
  'curl -u bob:«hunter2» https://example.com',
  'curl -s --user "bob:«hunter2»" https://example.com',
  'redis-cli -h db -a «hunter2» ping',
  'sshpass -p «hunter2» ssh db',
  'docker login -u bob -p «hunter2» registry.example.com',
  'docker run -p 8080:80 nginx',
  'requirepass «hunter2»',
  'machine db login bob password «hunter2»',
  "CREATE USER bob WITH PASSWORD '«hunter2»'",
  "ALTER USER bob IDENTIFIED BY '«hunter2»'",
  'redis --requirepass $(REDIS_PASSWORD)',
  'redis --requirepass «$(REDIS_PASSWORD)hunter2»',
  'PASSWORD=$(cat /var/secret/login) run',
  // sentences and tables
  'Your password is «hunter2»',
  'The admin password is: «hunter-two»',
  'Client Secret: «hunter two»',
  ' password | «hunter2» | bob',
  // connection strings
  'postgres://bob:«hunter2»@db:5432/shop?sslmode=disable',
  'postgres://bob:«hun/ter#2?»@db:5432/shop',
  'amqp://bob:«p@ss»@mq',
  'redis://:«hunter2»@db',
  'mongodb+srv://bob:«hunter2»@a,b,c/shop',
  `https://«${GITHUB}»@github.com/a/b`,
  'https://x-access-token:«hunter2»@github.com/a/b',
  'Server=db;User Id=sa;Password=«p@ss;word»;Encrypt=true',
  'jdbc:mysql://db/shop?user=bob&password=«hunter2»&ssl=true',
  'jdbc:oracle:thin:bob/«hunter2»@//db:1521/x',
  'bob:«p@ss»@tcp(db:3306)/shop',
  'host=db user=bob password=«hunter2» sslmode=disable',
  "host=db password='«hunter 2»' user=bob",
  'redis:6379,password=«hunter2»,ssl=True',
  'DefaultEndpointsProtocol=https;AccountName=x;AccountKey=«aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd29ybGQ==»;EndpointSuffix=core.windows.net',
  // HTTP
  'Authorization: Bearer «abcDEF123456ghiJKL»',
  '-H "Authorization: Basic «Ym9iOmh1bnRlcjI=»"',
  'authorization=Basic «Ym9iOmh1bnRlcjI=»',
  'GET /x?access_token=«abcDEF123456ghiJKL»&page=2 HTTP/1.1',
  'Cookie: theme=dark; connect=«a1B2c3D4e5F6g7H8»',
  // keys and tokens by their look
  `id «${AWS_ID}» used`,
  `${'aws_access_key_id'} = «${AWS_ID}»\n${'aws_secret_access_key'} = «${AWS_SECRET}»`,
  `«${AWS_ID}»,«${AWS_SECRET}»`,
  `token «${GITHUB}».`,
  `see «${JWT}»`,
  `«${pem('PRIVATE KEY')}»\ndone`,
  `x «${pem('OPENSSH PRIVATE KEY', '\\n')}»\\ny`,
  `«${pem('PGP PRIVATE KEY BLOCK')}»`,
  `«${pem('ENCRYPTED PRIVATE KEY')}» «${pem('RSA PRIVATE KEY')}»`,
  `«${dashes}- BEGIN SSH2 ENCRYPTED PRIVATE KEY ${dashes}-\nAAAA\n${dashes}- END SSH2 ENCRYPTED PRIVATE KEY ${dashes}-»`,
  `«${dashes}BEGIN EC PRIVATE KEY${dashes}\nMHcCAQEEIA»`,
  `client-key-data: «${Buffer.from(pem('RSA PRIVATE KEY')).toString('base64')}»`,
  `k «${Buffer.from(pem('RSA PRIVATE KEY')).toString('base64')}»`,
  'der «MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7»',
  'kubeadm join --token «abcdef.0123456789abcdef» 10.0.0.1:6443',
  'joined with «abcdef.0123456789abcdef» now',
  `bob:«$2y$10${'$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy'}»`,
  `bob:«$apr1${'$Xz0aB1cD$wW3dJ0qv8eN5mK2pL7rTs/'}»:x`,
  `AGE-key «${'AGE-SECRET-KEY-1'}${'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L'.repeat(2).slice(0, 58)}»`,
  `hook https://hooks.slack.com/services/«T00AB12CD/B00EF34GH/${'x1Y2z3A4b5C6d7E8f9G0h1I2'}»`,
  `glpat «${'gl'}pat-a1B2c3D4e5F6g7H8i9J0»`,
  `stripe «${'sk_'}live_a1B2c3D4e5F6g7H8i9J0»`,
  `vault «${'hv'}s.CAESIJ3kq9x2LmZr5Wn1Bf7Hd4Js6Gp0»`,
  `npm «${'np'}m_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8»`,
  `google «${'AI'}zaSyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q»`,
  `bot «123456789:${'AA'}Hk3Yt9vQx2Lm8Zr5Wn1Bf7Hd4Js6Gp0Ac»`,
  // what others use to switch their scanners off means nothing
  `password=«hunter2» # ${'gitleaks'}:allow`,
  `password: "«hunter2»" # pragma: ${'allowlist'} secret`,
  `password=«hunter2 // ${'nosec'}»`,
  // nothing to be found
  'password authentication failed for user "bob"',
  'the password must be set before the token is used',
  'secretName: tls-cert\nsecretKeyRef:\n  name: db\n  key: password',
  'tokenExpirationSeconds: 3600',
  `password: \${DB_PASSWORD}`,
  'password: {{ .Values.password | quote }}',
  'DB_PASSWORD:  <set to the key \'password\' in secret "db">  Optional: false',
  'passwordFile: /etc/secrets/password',
  'password: /var/run/secrets/db/password',
  'https://example.com:8443/a@b',
  'https://kubernetes.default.svc:443/api/v1?watch=true',
  'git@github.com:acme/app.git',
  'image: registry.example.com/team/app@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  'pass=12 fail=0 skip=3',
  'password=',
  'password: ""',
  'password: null',
  '{"password":{"valueFrom":{"secretKeyRef":{"name":"db","key":"password"}}}}',
  'Bearer token authentication is used',
  'Basic authentication required',
  'node-abcdef.0123456789abcdef',
  'key: node.kubernetes.io/not-ready',
  `${dashes}BEGIN CERTIFICATE${dashes}\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBa\n${dashes}END CERTIFICATE${dashes}`,
  `${dashes}BEGIN PUBLIC KEY${dashes}\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n${dashes}END PUBLIC KEY${dashes}`,
  'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7 bob@example.com',
  'call +49 30 123456 or write to bob@example.com, card 4111 1111 1111 1111',
]

function marked(text: string): { readonly text: string; readonly parts: readonly string[] } {
  return {
    text: text.replaceAll(/[«»]/g, ''),
    parts: [...text.matchAll(/«([^»]*)»/g)].map(match => match[1]!),
  }
}

for (const written of CASES) {
  const { text, parts } = marked(written)
  test(`${parts.length === 0 ? 'not ' : ''}found: ${text.slice(0, 60).replaceAll('\n', '⏎')}`, () => {
    const seen = found(text)
    assert.deepEqual(
      seen.map(f => text.slice(f.start, f.end)),
      parts,
    )
    if (parts.length > 0) assert.notEqual(byDefault.next(text, 0), -1, 'next leads there')
  })
}

test('each thing is found glued to what JSON and logs put around it, and after a written line end', () => {
  for (const secret of [GITHUB, JWT, AWS_ID]) {
    for (const text of [
      `"${secret}"`,
      `\\n${secret}\\n`,
      `(${secret})`,
      `x=${secret},y`,
      `>${secret}<`,
      `\u001b${secret}`,
    ]) {
      assert.deepEqual(
        found(text).map(f => text.slice(f.start, f.end)),
        [secret],
        text,
      )
    }
  }
})

test('data about people is found where a rule names it, with right check digits only', () => {
  const cases: readonly string[] = [
    'card «4111 1111 1111 1111» ok',
    'card «5500-0000-0000-0004»',
    'card 4111 1111 1111 1112',
    'order 1234567890123456',
    'pay «DE89 3704 0044 0532 0130 00» now',
    'pay «GB82WEST12345698765432»',
    'pay DE88 3704 0044 0532 0130 00',
    'mail «bob.smith+x@mail.example.com».',
    'call «+49 30 1234567»',
    'ssn «123-45-6789»',
    'ssn 000-45-6789',
    'released 2026-11-21',
  ]
  for (const written of cases) {
    const { text, parts } = marked(written)
    assert.deepEqual(
      found(text, everything).map(f => text.slice(f.start, f.end)),
      parts,
      written,
    )
  }
})

test('a finder has only the detectors that were asked for', () => {
  const one = createTextFinder(new Map([['jwt', rule('jwt')]]))
  assert.deepEqual(found('password=hunter2', one), [])
  assert.equal(found(`password=${JWT}`, one).length, 1)
  assert.throws(() => createTextFinder(new Map([['nothing', rule('x')]])), /no detector nothing/)
  assert.deepEqual(found('password=hunter2', createTextFinder(new Map())), [])
  assert.equal(createTextFinder(new Map()).next('password=hunter2', 0), -1)
})

test('findings are in order and do not overlap', () => {
  const text = `x password=${JWT} --token ${GITHUB} https://a:${GITHUB}@x Authorization: Bearer ${JWT}`
  const list = found(text, everything)
  assert.ok(list.length >= 4)
  for (let i = 1; i < list.length; i++) assert.ok(list[i]!.start >= list[i - 1]!.end)
})
