import { anyCase, type Detector, exactly, matchAt, type Spans } from './detector.ts'
import { plausible } from './plausible.ts'

/** Programs whose short options take a password. Group 1 is the secret. */
const OPTIONS: readonly RegExp[] = [
  // mysql -u root -pSECRET: the value is glued to the option
  /(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|mysqlsh)\s[^\r\n;|&]{0,256}?(?<=\s)-p(['"]?[^\s'";|&]{3,256})/y,
  /curl\s[^\r\n;|]{0,512}?(?<=\s)(?:-u|--user|-U|--proxy-user)[ =]?["'\\]{0,3}[^\s:"']{0,128}:([^\s"']{1,256})/y,
  /wget\s[^\r\n;|]{0,512}?(?<=\s)--(?:http-|ftp-)?password[ =]["']?([^\s"']{3,256})/iy,
  /redis-cli\s[^\r\n;|]{0,256}?(?<=\s)-a\s{1,4}["']?([^\s"']{3,256})/iy,
  /sshpass\s{1,4}-p\s{0,4}["']?([^\s"']{3,256})/iy,
  /(?:docker|podman|helm registry|oras|crane auth|skopeo|buildah)\s{1,4}login\b[^\r\n;|]{0,256}?(?<=\s)-p\s{0,4}["']?([^\s"']{3,256})/y,
  /(?:mongo(?:sh|dump|restore|export|import)?|cqlsh)\s[^\r\n;|]{0,256}?(?<=\s)-p\s{1,4}["']?([^\s"']{3,256})/y,
  /ldap(?:search|add|modify|delete|passwd|whoami)\s[^\r\n;|]{0,256}?(?<=\s)-w\s{1,4}["']?([^\s"']{3,256})/y,
  /(?:passin|passout|storepass|keypass)\s{1,4}(?:pass:)?["']?([^\s"']{3,256})/iy,
]

const short: Detector = {
  name: 'command-option',
  about: 'command lines: passwords behind short options of well-known programs (mysql -p…, curl -u user:…)',
  personal: false,
  anchors: exactly(
    'mysql',
    'mariadb',
    'curl',
    'wget',
    'redis-cli',
    'sshpass',
    'docker',
    'podman',
    'helm registry',
    'oras',
    'crane',
    'skopeo',
    'buildah',
    'mongo',
    'cqlsh',
    'ldapsearch',
    'ldapadd',
    'ldapmodify',
    'passin',
    'passout',
    'storepass',
    'keypass',
  ),
  possible: (text, at) => OPTIONS.some(option => matchAt(option, text, at) !== null),
  look(text, at, behind, spans) {
    if (at < behind) return
    for (const option of OPTIONS) {
      const found = matchAt(option, text, at)
      if (found !== null && plausible(found[1]!, 'strong')) pushEnd(spans, at + found[0].length, found[1]!)
    }
  },
}

function pushEnd(spans: Spans, end: number, secret: string): void {
  const quote = /^['"]/.test(secret) ? 1 : 0
  spans.push(end - secret.length + quote, end)
}

/** `requirepass x` of Redis, `login x password y` of netrc, SQL's `IDENTIFIED BY 'x'`. */
const DIRECTIVES: readonly RegExp[] = [
  /(?:requirepass|masterauth|primaryauth)[ \t]{1,8}["']?([^\s"']{3,256})/iy,
  /login[ \t\r\n]{1,8}\S{1,128}[ \t\r\n]{1,8}password[ \t\r\n]{1,8}(\S{1,256})/iy,
  /identified[ \t]{1,4}by[ \t]{1,4}(?:password[ \t]{1,4})?\\{0,3}['"]([^'"\\\r\n]{1,256})/iy,
  /password\)?[ \t]{1,4}\\{0,3}'([^'\\\r\n]{1,256})\\{0,3}'/iy,
]

/** A password may follow in the next line. */
const LOGIN = /^login[ \t]{1,8}\S{1,128}[ \t\r]{0,8}(?:\n|$)/i

const directives: Detector = {
  name: 'password-directive',
  about: "password statements of Redis, netrc and SQL (requirepass x, IDENTIFIED BY 'x')",
  personal: false,
  anchors: anyCase('requirepass', 'masterauth', 'primaryauth', 'login[ \t\r\n]', 'identified ', 'password '),
  possible: (text, at) =>
    LOGIN.test(text.slice(at, at + 160)) ||
    DIRECTIVES.some(directive => matchAt(directive, text, at) !== null),
  look(text, at, behind, spans) {
    if (at < behind) return
    for (const directive of DIRECTIVES) {
      const found = matchAt(directive, text, at)
      if (found === null || !plausible(found[1]!, 'strong')) continue
      const from = at + found[0].lastIndexOf(found[1]!)
      spans.push(from, from + found[1]!.length)
    }
  },
}

export const commandLines: readonly Detector[] = [short, directives]
