import { type Detector, exactly, matchAt } from './detector.ts'

const COMPACT = /ey[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{0,32768}(?:\.[A-Za-z0-9_-]{0,32768}){0,3}/y
const SPACED = /ewo[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{0,32768}(?:\.[A-Za-z0-9_-]{0,32768}){0,3}/y

/** JWS and JWE in compact form (RFC 7515, 7516): the first part decodes as a JSON object that names an algorithm. */
export const jwt: Detector = {
  name: 'jwt',
  about: 'JSON Web Tokens',
  personal: false,
  anchors: exactly('eyJ[A-Za-z0-9]', 'eyA[A-Za-z0-9]', 'ewo[A-Za-z0-9]'),
  look(text, at, behind, spans) {
    if (at < behind) return
    const found = matchAt(text[at + 1] === 'w' ? SPACED : COMPACT, text, at)
    if (found === null || !namesAlgorithm(found[0].slice(0, found[0].indexOf('.')))) return
    spans.push(at, at + found[0].length)
  },
}

function namesAlgorithm(part: string): boolean {
  try {
    const header: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof header === 'object' && header !== null && ('alg' in header || 'enc' in header)
  } catch {
    return false
  }
}
