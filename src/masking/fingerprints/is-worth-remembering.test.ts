import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { isWorthRemembering } from './is-worth-remembering.ts'

const coded = (text: string) => Buffer.from(text).toString('base64')

const ORDINARY = [
  'aaaaaaaaaaaa',
  'AAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  'abcabcabcabc1',
  'abcdefghijkl1',
  '1234567890ab',
  'qwertyuiop12',
  '2026-11-21T10:00:00Z',
  '2026-11-21 10:00:00.123456 +0000 UTC',
  'Wed, 21 Oct 2026 07:28:00 GMT',
  'administrator',
  'Administrator',
  'password1234',
  'Password2024!',
  'P@ssw0rd12345',
  'changeme-please',
  'correct-horse-battery-staple',
  'deployment-controller',
  'system:serviceaccount:kube-system:deployment-controller',
  'kube-root-ca.crt',
  'coredns-7db6d8ff4d-x7k2p',
  'ip-10-0-17-4.eu-central-1.compute.internal',
  'postgres.team.svc.cluster.local:5432',
  'registry.k8s.io/kube-apiserver:v1.30.0',
  `registry.example.com/team/web@sha256:${'ab12'.repeat(16)}`,
  `sha256:${'0a1b2c3d'.repeat(8)}`,
  '9b2f1c1e-4a55-4c1d-9f58-2d8f0b1c9a11',
  'pvc-9b2f1c1e-4a55-4c1d-9f58-2d8f0b1c9a11',
  '00000000-0000-0000-0000-000000000000',
  '0xdeadbeefcafe',
  '192.168.100.200:8443',
  '1732190400000',
  '123456789012',
  'https://internal.example.com/path/v1/resources',
  '/var/run/secrets/kubernetes.io/serviceaccount',
  'alice.smith@example.com',
  'Container image "registry.k8s.io/pause:3.9" already present on machine',
  'Successfully assigned default/web-7db6d8ff4d-x7k2p to node-1',
  'application/vnd.kubernetes.protobuf',
  'LOG_LEVEL_DEBUG_VERBOSE',
  'KubeletHasSufficientMemory',
  'MinimumReplicasAvailable',
  'ClusterFirstWithHostNet',
  '--leader-elect=true',
  'storage.k8s.io/v1beta1',
  'node.kubernetes.io/not-ready:NoExecute',
  'app.kubernetes.io/managed-by',
  'kubernetes.io/service-account-token',
  'Mozilla/5.0 (X11; Linux x86_64)',
  'v1.30.2-eks-036c24b',
  '1.2.3-beta.4+build.567',
  coded('administrator'),
  coded('deployment-controller'),
  coded(coded('deployment-controller')),
  coded('{"kind":"Secret"}'),
  ['-----BEGIN CERTIFICATE-----', randomBytes(48).toString('base64'), '-----END CERTIFICATE-----'].join('\n'),
  `sallyport.masked.secret-data.${'a7k2'.repeat(8)}`,
  'hunter2',
  'x9K#mQ2$vL5', // eleven
]

const SECRET = [
  'Tr0ub4dor&3xy',
  'S3cr3t-P4ssw0rd!2024',
  'xK9#mQ2$vL5n',
  ['ghp', 'x7Kq2mZp9Rv4Lw8Nt3Bs6Hd1Jf5Gc0Ya'].join('_'),
  ['xoxb', '123456789012', 'x7Kq2mZp9Rv4Lw8Nt3Bs6Hd1'].join('-'),
  'postgres://app:x7Kq2mZp9Rv4@db.example.com:5432/app',
  'user: app\npassword: x7Kq2mZp9Rv4Lw8N\n',
  ['-----BEGIN ', 'PRIVATE KEY-----\n', randomBytes(48).toString('base64'), '\n-----END '].join(''),
]

describe('worth remembering', () => {
  for (const value of ORDINARY) {
    test(`is not ${JSON.stringify(value).slice(0, 60)}`, () => {
      assert.equal(isWorthRemembering(value), false)
    })
  }
  for (const value of SECRET) {
    test(`is ${JSON.stringify(value).slice(0, 40)}`, () => assert.equal(isWorthRemembering(value), true))
  }

  test('is what generators of passwords and keys make, but for a few', () => {
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
    const pick = (length: number) => [...randomBytes(length)].map(byte => letters[byte % 62]).join('')
    const share = (make: () => string) =>
      Array.from({ length: 2_000 }, make).filter(isWorthRemembering).length / 2_000
    assert.ok(share(() => pick(12)) > 0.88)
    assert.ok(share(() => pick(16)) > 0.98)
    assert.ok(share(() => pick(24)) > 0.995)
    assert.ok(share(() => randomBytes(8).toString('hex')) > 0.98)
    assert.ok(share(() => randomBytes(16).toString('hex')) > 0.995)
    assert.ok(share(() => randomBytes(12).toString('base64')) > 0.98)
    assert.ok(share(() => randomBytes(32).toString('base64')) > 0.995)
    assert.equal(share(randomUUID), 0)
  })

  test('is nothing shorter than twelve bytes or longer than 64 KiB', () => {
    for (let i = 0; i < 500; i += 1) {
      assert.equal(
        isWorthRemembering(
          randomBytes(20)
            .toString('base64')
            .slice(0, 1 + (i % 11)),
        ),
        false,
      )
    }
    assert.equal(isWorthRemembering(randomBytes(64 * 1024).toString('base64')), false)
  })
})
