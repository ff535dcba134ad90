import type { TellTale } from '../contract.ts'
import { looksRandom } from './words.ts'

/** Words that stand where a secret would, and say that there is none, or what would be there. */
const WORDS = new Set(
  `true false yes no on off null nil none undefined unset empty required optional invalid incorrect expired missing
  string str text number int integer bool boolean object array bytes redacted hidden masked omitted removed
  enabled disabled n/a unchanged unspecified accepted rejected
  <nil> <none> <unset> <unknown> <invalid> nan authentication failed denied`.split(/\s+/),
)
/** The prefix of what this gateway puts in a secret's place. */
const OURS = /sallyport\.masked\./
const TEMPLATE =
  /^(?:\$\{[^}]{1,200}\}|\$\([^)]{1,200}\)|\$[A-Z_][A-Z0-9_]{1,100}|\$\w{0,40}(?:pass|pwd|secret|token|key|cred|auth)\w{0,40}|%[A-Za-z_]\w{0,100}%|%[sdvqxi]|%\([a-z_]{1,40}\)s|\{\{[^}]{0,400}\}\}|\{[A-Za-z_][\w.]{0,60}\}|<%[^%]{0,200}%>|@[A-Z_]{2,60}@|#\{[^}]{1,200}\})$/
const DESCRIBED = /^<[\w .,:'"/()-]{1,160}>$/
const REFERENCE =
  /^(?:vault:|ref\+|secretref:|secretkeyref:|env:|file:|sops:|op:\/\/|awssm:|arn:aws|projects\/[\w-]+\/secrets\/|azurekeyvault:|@microsoft\.keyvault|\$\{?(?:file|env|vault|ssm|secretsmanager|cf|self|opt):)/i
const PATH =
  /^(?:~|\.{1,2})?\/(?:etc|var|run|mnt|opt|usr|home|secrets?|tmp|data|root|srv|vault|config|conf|app|dev|proc|certs?|keys?|certificates|ssl|tls|pki|token|tokens|credentials|workspace|bitnami|kubernetes|etc|api|apis|v\d)\/[\w./@+-]{1,400}$/
const FILE_NAME =
  /^[\w.@/+-]{1,200}\.(?:pem|key|crt|cer|csr|der|json|ya?ml|te?xt|jks|p12|pfx|conf|cfg|properties|env|ini|toml|pub|gpg|asc|html?|md|sh|log|csv|xml|tmpl)$/i
const LENGTH_OF_TIME =
  /^\d{1,9}(?:\.\d{1,3})?(?:ns|us|ms|s|m|h|d|w|y|min|mins|sec|secs|hours?|days?|minutes?|seconds?)$/
const PROSE =
  /\b(?:the|a|an|is|are|was|to|of|for|must|be|will|should|in|with|from|and|or|not|that|this|if|can|has)\b/gi

/**
 * Whether the value beside a tell-tale name is a secret, rather than a reference to one, a switch, or nothing.
 * `strong`: whatever is not clearly something else. `weak`: at least 8 characters that look made by a generator.
 */
export function plausible(value: string, strength: TellTale): boolean {
  const text = value.length > 8192 ? value : value.trim()
  if (text.length < 3) return false
  if (OURS.test(text)) return stripped(text) !== '' && plausible(stripped(text), strength)
  if (text.length <= 400 && notASecret(text)) return false
  return strength === 'strong' ? text.length > 400 || strongly(text) : weakly(text)
}

/** What stands around our placeholder, when something does: `user:placeholder` is no secret, `placeholder+hunter2` is. */
function stripped(text: string): string {
  const rest = text.replace(/sallyport\.masked\.[a-z0-9.-]{1,64}/g, '').replace(/[^A-Za-z0-9]+/g, '')
  return rest.length >= 8 && rest.length < text.length ? rest : ''
}

function notASecret(text: string): boolean {
  if (WORDS.has(text.toLowerCase())) return true
  if (/^(.)\1*$/.test(text) || /^[*.•xX_-]+$/.test(text)) return true
  if (TEMPLATE.test(text) || DESCRIBED.test(text) || REFERENCE.test(text)) return true
  if (text.startsWith('<set to the key ')) return true
  if (
    /^[[({<*]{0,3}(?:redacted|masked|hidden|filtered|omitted|removed|sensitive|secret|scrubbed)[\])}>*]{0,3}$/i.test(
      text,
    )
  )
    return /^[[({<*]/.test(text)
  if (LENGTH_OF_TIME.test(text) || PATH.test(text) || FILE_NAME.test(text)) return true
  return withoutCredentials(text)
}

/** A URL whose authority names no user and whose query holds nothing that looks like a secret. */
function withoutCredentials(text: string): boolean {
  const found = /^[a-z][a-z0-9+.-]{1,20}:\/\/([^/?#\s]{0,300})([^\s]{0,2000})$/i.exec(text)
  return found !== null && !found[1]!.includes('@') && !looksRandom(found[2]!)
}

function strongly(text: string): boolean {
  // Three digits protect nothing, and stand in many a summary: `pass=12`.
  if (/^-?\d{1,3}$/.test(text)) return false
  const words = text.split(/\s+/)
  if (words.length >= 4 && (text.match(PROSE)?.length ?? 0) >= 2) return false
  return true
}

function weakly(text: string): boolean {
  const bare = /^(?:Bearer|Basic|Token|ApiKey|Digest|Negotiate)\s+(\S.*)$/i.exec(text)?.[1] ?? text
  if (bare.length < 8 || /^[\d.,:_TZ+/ -]+$/.test(bare)) return false
  if (/^(?:sha(?:1|224|256|384|512)|md5)[:-]/i.test(bare)) return false
  if (/\s/.test(bare) && bare.split(/\s+/).length > 3) return false
  if (/-----BEGIN [A-Z ]{0,20}PRIVATE KEY/.test(bare)) return true
  if (/[!#$%^&*?]/.test(bare) && /[A-Za-z]/.test(bare) && /\d/.test(bare) && !/\s/.test(bare)) return true
  return looksRandom(bare)
}
