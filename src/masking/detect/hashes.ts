import { anyCase, type Detector, exactly, matchAt } from './detector.ts'

const HASH =
  /(?:\$2[abxy]?\$\d{2}\$[./A-Za-z0-9]{53}|\$(?:apr1|1|5|6|sha1|md5|7|y|gy|2)\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9$,=]{20,256}|\$(?:argon2(?:id|i|d)|scrypt|pbkdf2[a-z0-9-]{0,12})\$[./A-Za-z0-9$,=+-]{20,512}|pbkdf2_sha\d{1,3}\$\d{1,9}\$[^\s"'$]{1,128}\$[A-Za-z0-9+/=]{20,128}|\{S?SHA(?:256|384|512)?\}[A-Za-z0-9+/=]{20,256}|\{PBKDF2[A-Z0-9-]{0,12}\}[./A-Za-z0-9$+]{20,256}|SCRAM-SHA-\d{1,3}\$\d{1,9}:[A-Za-z0-9+/=$:]{40,400})/iy

/** What `htpasswd`, `shadow`, LDAP, Django and PostgreSQL keep: a weak password can be found from it. */
export const passwordHashes: Detector = {
  name: 'password-hash',
  about: 'hashes of passwords: bcrypt, crypt, htpasswd, argon2, scrypt, PBKDF2, LDAP, SCRAM',
  personal: false,
  anchors: [
    ...exactly(
      '$2[abxy$]',
      '$1$',
      '$5$',
      '$6$',
      '$7$',
      '$y$',
      '$gy$',
      '$apr1$',
      '$md5',
      '$sha1$',
      '$arg',
      '$scr',
      '$pbk',
    ),
    ...anyCase('pbkdf2_', '{sha', '{ssha', '{pbkdf2', 'scram-sha-'),
  ],
  possible: (text, at) => matchAt(HASH, text, at) !== null,
  look(text, at, behind, spans) {
    if (at < behind) return
    const found = matchAt(HASH, text, at)
    if (found !== null) spans.push(at, at + found[0].length)
  },
}
