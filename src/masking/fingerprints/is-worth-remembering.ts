import { SHORTEST } from './keyed-sample.ts'

/** Longer values are masked where they stand, and not looked for elsewhere. */
export const LONGEST = 64 * 1024

/** Characters of a value that are judged. */
const SAMPLE = 192

/** Bits that a guesser of the value would have to guess, by the estimate below. */
const BITS = 40
/** And on average for each character: a path of many words has many bits and is a path all the same. */
const BITS_A_CHARACTER = 2.2

/**
 * Whether a value is so long and so random that ordinary text will not equal it by chance. Whoever may write a Secret
 * chooses what is looked for in everybody's answers, so it has to be sure in this direction: words, names, addresses,
 * paths, dates, numbers and ids that Kubernetes shows in the open are never remembered, and a password made of
 * nothing else is not either. `value` holds bytes as latin1, without white space at its ends.
 */
export function isWorthRemembering(value: string): boolean {
  if (value.length < SHORTEST || value.length > LONGEST) return false
  if (value.startsWith('sallyport.masked.')) return false
  // The certificate of a CA stands in a ConfigMap of each namespace and in webhooks, for everybody to see.
  if (value.includes('-----BEGIN ') && !value.includes('PRIVATE KEY-----')) return false
  if (isPublicShape(value)) return false
  if (!/\s/.test(value)) return isRandom(value) && isHiddenByBase64(value)
  // A text of several words: one of them must be worth it.
  return value.split(/[\s"'`]+/).some(word => !isPublicShape(word) && isRandom(word))
}

/** What can be met in every cluster without being secret, however random it looks. */
function isPublicShape(value: string): boolean {
  return (
    !/[0-9A-Z]/.test(value) ||
    UUID.test(value) ||
    DIGEST.test(value) ||
    NUMERIC.test(value) ||
    TIMED.test(value) ||
    SHORT_ID.test(value) ||
    isObjectName(value)
  )
}

const UUID = /^(?:[a-z]{1,20}[-:])?\{?[0-9a-f]{8}-?[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-?[0-9a-f]{12}\}?$/i
const DIGEST = /(?:^|@)(?:sha1|sha256|sha384|sha512|md5):[0-9a-f]+$/i
/** Numbers, versions, addresses, dates and times; twenty digits in a row and more can be a secret. */
const NUMERIC = /^(?!\+?\d{20})[\d.,:;/+TZ_ x-]*$/i
const TIMED = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d/
/** Beginnings of digests, as programs show them. */
const SHORT_ID = /^(?:0x)?[0-9a-f]{12,15}$/i

/**
 * Lower-case words and short random pieces with hyphens and dots between them: names of pods, hosts, images' tags. Keys
 * and passwords that look so are not told from them.
 */
function isObjectName(value: string): boolean {
  if (!/^[a-z0-9]+(?:[-._/:][a-z0-9]+)+$/.test(value)) return false
  return value
    .split(/[-._/:]/)
    .every(part => part.length <= 10 || bitsOf(part) / part.length < BITS_A_CHARACTER)
}

function isRandom(value: string): boolean {
  // A long value is as random as its begin.
  const sample = value.length > SAMPLE ? value.slice(0, SAMPLE) : value
  const whole = bitsOf(sample)
  if (whole >= BITS && whole >= BITS_A_CHARACTER * sample.length) return true
  // An address with a random part is as much of a secret as that part.
  return value
    .split(/[,;()[\]{}<>|&@\\?#/=:]+/)
    .some(part => part !== value && part.length >= SHORTEST && !isPublicShape(part) && isRandomPart(part))
}

function isRandomPart(part: string): boolean {
  const bits = bitsOf(part)
  return bits >= BITS && bits >= BITS_A_CHARACTER * part.length
}

/** Base64 of ordinary text looks random, and hides nothing that could be told from ordinary text. */
function isHiddenByBase64(value: string): boolean {
  if (!/^[A-Za-z0-9+/_-]{12,}={0,2}$/.test(value)) return true
  const text = Buffer.from(value, 'base64').toString('latin1').trim()
  if (text.length < 6 || !/^[\t\n\r\x20-\x7e]+$/.test(text)) return true
  return text.length >= SHORTEST && !isPublicShape(text) && isRandom(text) && isHiddenByBase64(text)
}

/**
 * Estimate of the bits in a value: letters that follow each other as in words count little, so do steps of a sequence and
 * whatever comes again.
 */
function bitsOf(value: string): number {
  let bits = 0
  for (const run of value.match(/[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^A-Za-z0-9]+/g) ?? []) bits += bitsOfRun(run)
  return Math.min(bits, 4.5 * distinct(value, 2), 6 * differences(value))
}

function bitsOfRun(run: string): number {
  if (/^[0-9]/.test(run)) return Math.min(3.3 * run.length, isYear(run) ? 4 : 3.3 * differences(run) + 3.3)
  if (!/^[A-Za-z]/.test(run)) return /^[-_./:= ]+$/.test(run) ? 0.5 : 3 * run.length
  if (run.length < 3) return 4.5 * run.length
  return (isLikeWords(run.toLowerCase()) ? 1.3 : 4.2) * run.length
}

function isYear(run: string): boolean {
  return /^(?:19|20)\d\d(?:[01]\d[0-3]\d)?$/.test(run)
}

/** Pairs of letters that make up most of English, and of the words of this trade. */
const PAIRS: ReadonlySet<string> = new Set(
  (
    'th he in er an re nd at on nt ha es st en ed to it ou ea hi is or ti as te et ng of al de se le sa si ar ve ra ld ur ' +
    'ro ri io ic ne me ma li co ch ce ta la el ns us ss om no ot tr pe ec rs ac tu ge ut un pr lo ai ca po wo be us ly mi ' +
    'il so ee sh wa ul ho ke ry ad ol ni am em ir id rt ct mo mp ai ay ie ow ag bl br by ck cl cr cu da di do dr du ef eg ' +
    'ei ep ev ew ex fa fe ff fi fl fo fr fu ga gh gi gl go gr gu gy ia ib if ig im ip iv iz ja jo ju ki kn ks ku ky lf lk ' +
    'll lt lu lv mb mm ms mu my na nc nf nk nl nn nu ny oa ob oc od oe og oi ok oo op os ov ox pa ph pi pl pp ps pt pu py ' +
    'qu rc rd rf rg rk rl rm rn rp rr ru rv sc sk sl sm sn sp su sw sy tc tl tm tp ts tt tw ty ua ub uc ud ue ug ui um up ' +
    'va vi vo we wh wi ww xi xp xt ye yl yp ys ze bo ba bi bu eb ao aw eu ey ez oy ym yn yo'
  ).split(' '),
)

function isLikeWords(run: string): boolean {
  let like = 0
  for (let at = 1; at < run.length; at += 1) if (PAIRS.has(run.slice(at - 1, at + 1))) like += 1
  return like >= 0.75 * (run.length - 1)
}

/** Different pieces of `length`. Looks at the first thousand only. */
function distinct(value: string, length: number): number {
  const seen = new Set<string>()
  const end = Math.min(value.length, 1000)
  for (let at = length; at <= end; at += 1) seen.add(value.slice(at - length, at))
  return seen.size
}

/** Different steps from one character to the next. */
function differences(value: string): number {
  const seen = new Set<number>()
  const end = Math.min(value.length, 1000)
  for (let at = 1; at < end; at += 1) seen.add(value.charCodeAt(at) - value.charCodeAt(at - 1))
  return seen.size
}
