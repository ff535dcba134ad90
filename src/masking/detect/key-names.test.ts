import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { plausible, tellTale } from './key-names.ts'

const STRONG = `password Password PASSWORD DB_PASSWORD db-password db.password dbPassword dbpassword POSTGRES_PASSWORD
  MYSQL_ROOT_PASSWORD PGPASSWORD SSHPASS MYSQL_PWD pwd passwd passphrase passcode clientSecret client_secret
  client-secret CLIENT_SECRET aws_secret_access_key AWS_SECRET_ACCESS_KEY secretAccessKey secret_access_key apiKey
  api_key API-KEY apikey X-Api-Key privateKey private_key ssh-privatekey authToken auth_token accessToken refresh_token
  bearerToken GITHUB_TOKEN VAULT_TOKEN jwtSecret JWT_SECRET SESSION_SECRET webhookSecret sharedSecret APP_SECRET
  FOO_SECRET encryptionKey ENCRYPTION_KEY signing_key masterKey AccountKey SECRET_KEY secret_key SECRET_KEY_BASE
  DJANGO_SECRET_KEY password1 PASSWORD_2 passwordHash old_password new-password confirmPassword password_confirmation
  adminPassword rootPassword spring.datasource.password keystorePassword javax.net.ssl.trustStorePassword storepass
  keypass smtp_pass DB_PASS pass sshKey deploy_token client-key-data client_key_data mnemonic psk preshared_key
  --password -Dpassword requirepass masterauth REDISCLI_AUTH Kennwort userPwd licenseKey HMAC_KEY
  FLASK_SECRET_KEY passwordValue PASSWORD_BASE64 GF_SECURITY_ADMIN_PASSWORD argocdServerAdminPassword otp`
const WEAK = `token key secret secrets credentials creds auth authorization cookie tlsSecret secret_id sessionId
  connectionString dsn secretKey jwt tokens idempotentKey kubeconfig`
/** Named like one by Kubernetes and by popular charts and resources, and none. */
const NOTHING = `secretName secretRef secretKeyRef passwordSecretRef tokenSecretRef clientSecretRef secretNamespace
  secretKeySelector tokenExpirationSeconds expirationSeconds automountServiceAccountToken imagePullSecrets pullSecret
  existingSecret topologyKey serviceAccountToken serviceAccountName tokenAudiences continue publicKey public_key
  keyAlgorithm privateKeySecretRef passwordFile PASSWORD_FILE passwordPath tokenPath bearerTokenFile token_file
  credentialsFile passwordPolicy passwordMinLength password_expires_at secretTemplate secretStoreRef tokenReviews
  tokenRequests keyUsage keyUsages keyName primaryKeyName nextPageToken continueToken maxTokens max_tokens partitionKey
  foreign_key cacheKey idempotencyKey ssh_public_key authorized_keys name image path bypass compass monkey keyboard
  keyed turkey tokenizer passenger passive passed author authored authority secretary keystone certificate
  caBundle resourceVersion uid podTemplateHash enablePassword hasPassword usePassword no_password createSecret
  proxy_pass tests_pass keyPrefix secretType jwtIssuer authMode authType authMethod keyring`

test('names of secrets are told in every spelling', () => {
  for (const name of STRONG.split(/\s+/)) assert.equal(tellTale(name), 'strong', name)
  for (const name of WEAK.split(/\s+/)) assert.equal(tellTale(name), 'weak', name)
  assert.equal(tellTale('Client Secret'), 'strong')
})

test('names that only sound like one tell nothing', () => {
  for (const name of NOTHING.split(/\s+/)) assert.equal(tellTale(name), undefined, name)
  assert.equal(tellTale(''), undefined)
})

test('of all field names of Kubernetes six are looked at, and none is taken at its word', () => {
  const text = readFileSync(new URL('../../kubernetes/protobuf/fields.json', import.meta.url), 'utf8')
  const names = new Set(text.match(/(?<=")[a-z][A-Za-z0-9]*(?=")/g))
  assert.ok(names.size > 800, `${names.size} names`)
  const told = [...names].filter(name => tellTale(name) !== undefined).sort()
  assert.deepEqual(
    told.filter(name => tellTale(name) === 'strong'),
    [],
  )
  assert.deepEqual(told, ['capacityKey', 'key', 'secret', 'secrets', 'serviceAccountTokenInSecrets', 'token'])
})

test('a password beside a strong name is one, whatever it looks like', () => {
  for (const value of [
    'hunter2',
    'password',
    'changeme',
    'admin',
    '1234',
    '123456',
    'correct horse battery staple',
    'p@ss;word,=',
    '/aB3dE+fg/hij=',
    '$ecret!',
    'pa$$word',
    'ünïcode',
    'my-database',
    '00000001',
    `\${NOT}closed-behind`,
    '<b>old',
    '3600x',
    'https://user:hunter2@example.com',
    'https://example.com/?sig=a8F3k29Dk3jf83jKs',
    'null-and-void',
    'x'.repeat(5000),
    `${'ab '.repeat(300)}`,
  ]) {
    assert.ok(plausible(value, 'strong'), value.slice(0, 40))
  }
})

test('references, templates, paths, switches and masks are none, beside whatever name', () => {
  for (const value of [
    '',
    ' ',
    'true',
    'False',
    'null',
    '<nil>',
    '<none>',
    '12',
    '30s',
    '24h',
    '******',
    'xxxxxxxx',
    '[REDACTED]',
    '<redacted>',
    `\${DB_PASSWORD}`,
    '$(DB_PASSWORD)',
    '$DB_PASSWORD',
    '$password',
    '%PASSWORD%',
    '{{ .Values.password }}',
    '{password}',
    '%s',
    '<your password>',
    "<set to the key 'password' in secret 'db'>",
    '/var/run/secrets/kubernetes.io/serviceaccount/token',
    '/etc/tls/tls.key',
    './secrets/db.txt',
    'server.key',
    'vault:secret/data/db#password',
    'arn:aws:secretsmanager:eu-west-1:123456789012:secret:db',
    'https://vault.example.com/v1/secret',
    'sallyport.masked.secret-data.abcdefghijklmnop',
    'the password of the user that is created',
  ]) {
    assert.ok(!plausible(value, 'strong'), value)
    assert.ok(!plausible(value, 'weak'), value)
  }
})

test('beside a weak name only what looks made by a generator is a secret', () => {
  for (const value of [
    'a8F3k29Dk3jf83jKs',
    '9f86d081884c7d659a2feaa0c55ad015',
    'dXNlcjpwYXNzd29yZDEyMw==',
    'qwrtzpsdfg',
    'hX7!kd9#',
    'Bearer a8F3k29Dk3jf83jKs',
    'Basic dXNlcjpwYXNzd29yZA==',
    '550e8400-e29b-41d4-a716-446655440000',
  ]) {
    assert.ok(plausible(value, 'weak'), value)
  }
  for (const value of [
    'my-tls-cert',
    'tls-cert-2024',
    'app.kubernetes.io/name',
    'node.kubernetes.io/not-ready',
    'AWS_SECRET_ACCESS_KEY',
    'tls.crt',
    'kubernetes.io/service-account-token',
    'requestheader-client-ca-file',
    'selfLinkOfTheThing',
    'WebhookTokenAuthenticator',
    'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    '2026-01-01T00:00:00Z',
    '1234567890',
    'ReadWriteOnce',
    'basic auth is not supported',
  ]) {
    assert.ok(!plausible(value, 'weak'), value)
  }
})

test('what surrounds a placeholder is still looked at', () => {
  assert.ok(plausible('sallyport.masked.secret-data.abcdefghijklmnop hunter2hunter2', 'strong'))
})
