import { anyCase, type Detector, matchAt } from './detector.ts'
import { plausible } from './plausible.ts'
import { looksRandom } from './words.ts'

const SCHEME =
  /(?:bearer|basic|token|negotiate|digest|apikey|splunk|ssws|genie[kK]ey|bot)(?:[ \t]|%20|\+){1,4}([A-Za-z0-9+/=._~:|-]{7,16384}[A-Za-z0-9+/=_~-])/iy
const SIGNED = /Signature=([0-9a-fA-F]{32,128})/y
const COOKIES = /cookie['"\\]{0,4}[:=][ \t"'\\[]{0,6}([^\r\n]{1,8192})/iy
const COOKIE = /[^\s=;,"'\\]{1,128}=([^;,\s"'\\\]]{8,4096})/g

/** `Authorization: Bearer …`, also without the header's name. */
const schemes: Detector = {
  name: 'http-authorization',
  about: 'HTTP: credentials in an Authorization header, by their scheme',
  personal: false,
  anchors: anyCase(
    'bearer[ \t%+]',
    'basic[ \t%+]',
    'token[ \t]',
    'negotiate[ \t]',
    'apikey[ \t]',
    'splunk[ \t]',
    'ssws[ \t]',
    'geniekey[ \t]',
  ),
  possible: (text, at) => matchAt(SCHEME, text, at) !== null,
  look(text, at, behind, spans) {
    if (at < behind) return
    const found = matchAt(SCHEME, text, at)
    if (found === null || !isCredential(found[0], found[1]!)) return
    const end = at + found[0].length
    spans.push(end - found[1]!.length, end)
  },
}

function isCredential(whole: string, value: string): boolean {
  if (/^basic/i.test(whole)) {
    // user:password in base64, whatever they look like (RFC 7617)
    if (!/^[A-Za-z0-9+/]{8,}={0,2}$/.test(value)) return false
    return /^[^\x00-\x1f]{0,256}:[^\x00-\x1f]{1,}$/.test(Buffer.from(value, 'base64').toString('utf8'))
  }
  return plausible(value, 'weak')
}

const signed: Detector = {
  name: 'http-signature',
  about: 'HTTP: signatures of signed requests',
  personal: false,
  anchors: anyCase('signature='),
  look(text, at, _behind, spans) {
    const found = matchAt(SIGNED, text, at)
    if (found === null) return
    const end = at + found[0].length
    spans.push(end - found[1]!.length, end)
  },
}

/** Values of cookies that look like a session; names and attributes stay. */
const cookies: Detector = {
  name: 'http-cookie',
  about: 'HTTP: values of cookies that look like a session',
  personal: false,
  anchors: anyCase('cookie:', 'cookie=', 'cookie"', "cookie'", 'cookie\\'),
  look(text, at, behind, spans) {
    if (at < behind) return
    const found = matchAt(COOKIES, text, at)
    if (found === null) return
    const from = at + found[0].length - found[1]!.length
    for (const pair of found[1]!.matchAll(COOKIE)) {
      const value = pair[1]!
      if (!looksRandom(value)) continue
      const end = from + pair.index + pair[0].length
      spans.push(end - value.length, end)
    }
  },
}

export const httpCredentials: readonly Detector[] = [schemes, signed, cookies]
