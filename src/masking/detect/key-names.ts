import type { TellTale } from '../contract.ts'
import { wordsOf } from './words.ts'

export { plausible } from './plausible.ts'

/** What such a name ends in says something about a secret, or where it is; it is not the secret. */
const ABOUT = new Set(
  `name names ref refs reference references path paths file files filename dir directory location mount mounts volume
  seconds second minutes hours days ms millis milliseconds timeout ttl expiry expiration expires expire expired age
  lifetime duration interval period length len size count total limit limits max min maximum minimum policy policies
  rule rules type types kind version versions format algorithm algorithms alg algo enabled enable disabled disable
  required require optional allowed allow mode url urls uri uris endpoint endpoints host hosts port issuer issuers
  audience audiences scope scopes namespace namespaces selector selectors label labels annotation annotations provider
  providers class id ids arn field fields column columns prefix suffix regex regexp pattern hint prompt status state
  created updated rotation rotated rotate at time date timestamp source sources store stores manager engine backend
  template index usage usages review reviews request requests bits group groups user users username method methods
  header headers param parameter description message messages reset change changed generator generate complexity
  strength attempts retries retry exists found missing set management service server handler hook webhook projection
  binding bindings role roles owner signer duration spec config configuration settings options info list map controller
  resource resources kinds items item plugin driver volumes keyring management authentication
  verification validation validator protected protection policy support supported error errors event events rate
  budget count counts used usage metric metrics cache cached pool queue cleaner cleanup encoding size locator finder
  lookup helper factory util form page view button link icon strategy level lock request provided changed fingerprint
  thumbprint checksum cert certificate certs certificates ca crt csr`.split(/\s+/),
)
/** Words behind the telling one that change nothing. */
const NEUTRAL = new Set(
  `value val values data text txt string str plain plaintext raw base64 b64 encoded encrypted enc hash hashed digest old
  new current previous prev next backup primary secondary tertiary default main prod production dev development test
  staging live sandbox env environment content contents bytes hex arg override in input confirm confirmation again
  repeat retype verify base 0 1 2 3 4 5 6 7 8 9 10 a b`.split(/\s+/),
)
/** A name that begins so is a switch. */
const SWITCH = new Set(
  `automount auto use enable enabled disable has is allow require requires needs should skip no show hide want with
  without create rotate generate forgot delete validate check revoke`.split(/\s+/),
)
const PASSWORDS = new Set(
  `password passwords passwd passwds passphrase passphrases passcode passcodes passwort kennwort pwd pwds psw passw pw
  mnemonic pepper psk passkey otp totp userpass storepass keypass requirepass masterauth sshpass pgpass mypass dbpass
  userpwd dbpwd rootpw rediscliauth dockerconfigjson dockercfg`.split(/\s+/),
)
/** Glued to what stands before them: `dbpassword`, `MYSQLPASSWORD`, `clientsecret`. */
const STRONG_END =
  /(?:password|passwd|passphrase|passcode|apikey|secretkey|accesskey|privatekey|authtoken|accesstoken|refreshtoken|bearertoken|clientsecret|appsecret|apisecret|accountkey|encryptionkey|signingkey|masterkey|presharedkey|apitoken|authkey|licensekey|storepass|keypass|secretaccesskey)$/
const PWD_END = /[a-z0-9]pwds?$/
const NOT_PASS = /^(?:by|com|encom|sur|tres|over|under|im|out|low|high|band|multi)pass$/
const BEFORE_PASS = new Set(
  `proxy fastcgi uwsgi grpc scgi memcached first second third single multi one two low high band render by mid through
  boarding hall hard soft tests checks test check final last next`.split(/\s+/),
)
/** `tlsSecret`, `existingSecret`: the name of a Secret stands there, as a rule. */
const NAMED_SECRET = new Set(
  `existing tls ca cert certs certificate certificates image images pull credential credentials creds auth password
  config target server ssl bootstrap token key generic kubernetes k8s kube mount external trust truststore keystore
  registry license opaque source from any the a`.split(/\s+/),
)
const STRONG_SECRET = new Set(
  `client app application consumer oauth oauth2 jwt hmac webhook shared signing cookie session sessions api access user
  master bot login admin root db database webhooks csrf encryption nextauth auth0 flask django rails laravel devise
  secret turn totp otp mfa stripe slack github gitlab google facebook twitter aws azure keycloak oidc saml`.split(
    /\s+/,
  ),
)
const STRONG_TOKEN = new Set(
  `auth access refresh bearer api bot personal secret root admin registry github gitlab gh slack vault npm registration
  runner deploy deployment session oauth oauth2 security login user private app application join bootstrap agent
  telegram discord consul nomad sonar snyk jenkins circle circleci travis codecov sentry datadog doppler terraform tf
  pypi docker dockerhub grafana influx influxdb influxdb2 digitalocean cloudflare heroku linode hcloud hetzner azure
  aws gcp google jira confluence atlassian bitbucket k8s kube kubernetes sa serviceaccount openai hf huggingface`.split(
    /\s+/,
  ),
)
const NOT_TOKEN = new Set(
  `next page continue continuation continuations cursor sync resume paging list max num total prompt completion input
  output cached cache count pad bos eos unk mask end start stop special new sep cls mint erc20 fungible nft`.split(
    /\s+/,
  ),
)
const STRONG_KEY = new Set(
  `api secret private encryption encrypt decryption signing sign signature master account storage shared license licence
  ssh hmac aes rsa dsa ecdsa ed25519 preshared unseal recovery service client consumer auth access cookie session app
  application admin integration ingest routing write stripe sendgrid mailgun twilio datadog newrelic pagerduty openai
  anthropic dek kek wrapping host`.split(/\s+/),
)
const NOT_KEY = new Set(
  `public pub topology foreign partition sort hash cache map object row group groups order dedup dedupe deduplication
  idempotency shard label labels annotation annotations metric selector config index unique composite s3 bucket file
  translation i18n l10n event message queue redis kv consul etcd registry hot short authorized trusted known allowed
  accepted valid field property json yaml data entry item candidate compound cluster context correlation routing
  join lookup natural surrogate range primary column sorting grouping claim username groups user name extra tag
  resource policy metadata env environment header query param kms arrow enter return escape function modifier any
  press up down left right home end tab delete insert page backspace space control shift alt meta by trace span
  attribute label taint toleration node zone region`.split(/\s+/),
)
const SESSION = new Set(['cookie', 'cookies', 'jsessionid', 'phpsessid', 'sessionid', 'sid', 'xsrf', 'csrf'])

/** Names that were asked about lately; null: it tells nothing. The same ones come again and again. */
const told = new Map<string, TellTale | null>()
const MOST_TOLD = 4096

/**
 * How much a name tells of the value beside it: a member of an object, a variable, a flag, a key of YAML or ini.
 * Case, camelCase, `_`, `-`, `.` and blanks between the words make no difference. Names that Kubernetes itself gives to
 * what is no secret (`secretName`, `tokenExpirationSeconds`, `imagePullSecrets`) tell nothing.
 */
export function tellTale(name: string): TellTale | undefined {
  if (name.length < 2 || name.length > 256) return undefined
  const known = told.get(name)
  if (known !== undefined) return known ?? undefined
  const strength = read(name)
  if (told.size >= MOST_TOLD) told.clear()
  // A copy: a part of a text keeps all of the text in memory.
  told.set(Buffer.from(name).toString(), strength ?? null)
  return strength
}

function read(name: string): TellTale | undefined {
  const words = wordsOf(name)
  if (/connection ?string$/.test(words.join(' '))) return 'weak'
  while (words.length > 1 && NEUTRAL.has(words.at(-1)!)) words.pop()
  const last = words.at(-1)?.replace(/\d{1,4}$/, '')
  if (last === undefined || last === '') return undefined
  const before = words.at(-2)
  if (ABOUT.has(last)) return secretId(last, before)
  if (words.length > 1 && SWITCH.has(words[0]!) && !/^[A-Z0-9_]+$/.test(name)) return undefined
  if (PASSWORDS.has(last) || STRONG_END.test(last) || PWD_END.test(last)) return afterReference(words)
  if (last.endsWith('pass') && !NOT_PASS.test(last)) {
    return before !== undefined && BEFORE_PASS.has(before) ? undefined : 'strong'
  }
  switch (last) {
    case 'secret':
    case 'secrets':
      return secret(name, before, last)
    case 'token':
    case 'tokens':
      return token(name, before)
    case 'key':
    case 'keys':
      return key(name, words)
    case 'credential':
    case 'credentials':
    case 'creds':
    case 'cred':
    case 'auth':
    case 'authorization':
    case 'jwt':
    case 'bearer':
    case 'salt':
    case 'seed':
    case 'pat':
    case 'sas':
    case 'dsn':
    case 'connstr':
    case 'kubeconfig':
    case 'apikeys':
    case 'htpasswd':
      return (before === 'redis' || before === 'rediscli') && last === 'auth' ? 'strong' : 'weak'
  }
  if (SESSION.has(last) || (before === 'session' && last === 'id')) return 'weak'
  if (last.length > 6 && /(?:secret|token|connectionstring|cookie)$/.test(last)) return 'weak'
  return undefined
}

/** Vault's `secret_id` and a session's id open doors; other ids do not. */
function secretId(last: string, before: string | undefined): TellTale | undefined {
  if (last === 'id' && (before === 'secret' || before === 'session')) return 'weak'
  return undefined
}

/** `secretPassword` is one; `noPassword` is a switch, `passwordless` was not split. */
function afterReference(words: readonly string[]): TellTale | undefined {
  return words.length === 2 && words[0] === 'no' ? undefined : 'strong'
}

function secret(name: string, before: string | undefined, last: string): TellTale | undefined {
  if (before === 'pull' || before === 'existing') return undefined
  if (before === undefined || last === 'secrets') return 'weak'
  if (NAMED_SECRET.has(before)) return 'weak'
  if (STRONG_SECRET.has(before)) return 'strong'
  return /^[A-Z0-9_]+$/.test(name) ? 'strong' : 'weak'
}

function token(name: string, before: string | undefined): TellTale | undefined {
  if (before === undefined) return 'weak'
  if (NOT_TOKEN.has(before)) return undefined
  // The projected volume of that name holds a path and a lifetime.
  if (name === 'serviceAccountToken') return undefined
  return STRONG_TOKEN.has(before) ? 'strong' : 'weak'
}

function key(name: string, words: readonly string[]): TellTale | undefined {
  const before = words.at(-2)
  if (before === undefined) return words.at(-1) === 'key' ? 'weak' : undefined
  if (words.includes('public') || words.includes('pub')) return undefined
  // external-secrets calls the key within a Secret so.
  if (name === 'secretKey') return 'weak'
  if (before === 'session' || before === 'host') return 'weak'
  if (NOT_KEY.has(before)) return undefined
  return STRONG_KEY.has(before) ? 'strong' : 'weak'
}
