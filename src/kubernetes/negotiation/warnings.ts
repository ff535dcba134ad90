/**
 * Warning headers (RFC 7234 section 5.5, as Kubernetes uses them: KEP-1693): `299 - "text"`, which kubectl and
 * client-go print on stderr. Values are strings of bytes, as Node gives and takes them.
 */

/** Bytes of one text, and how many of the upstream's are passed on. */
const LONGEST = 512
const MOST = 50

export function warningHeader(text: string): string {
  return `299 - "${escaped(shortened(visible(text)))}"`
}

/** What the upstream warns of, rebuilt: nothing that moves a cursor, and nothing that could be taken for ours. */
export function upstreamWarnings(headers: readonly string[]): string[] {
  const kept: string[] = []
  for (let i = 0; i + 1 < headers.length && kept.length < MOST; i += 2) {
    if (headers[i] !== 'warning') continue
    const text = textOf(headers[i + 1]!)
    if (text === undefined) continue
    const said = visible(Buffer.from(text, 'latin1').toString('utf8')).trim()
    if (said === '') continue
    kept.push(
      `299 - "${escaped(shortened(/^sallyport\b/i.test(said) ? `the cluster says: ${said}` : said))}"`,
    )
  }
  return kept
}

/** An answer's headers with the texts of its warnings rewritten: admission policies quote what they warn of. */
export function rewriteWarnings(headers: readonly string[], rewrite: (text: string) => string): string[] {
  return headers.map((value, i) => {
    if (i % 2 === 0 || headers[i - 1] !== 'warning') return value
    const text = textOf(value)
    if (text === undefined) return ''
    const said = visible(Buffer.from(text, 'latin1').toString('utf8'))
    const rewritten = rewrite(said)
    return rewritten === said ? value : `299 - "${escaped(rewritten)}"`
  })
}

/** The quoted text of a value with code 299; other codes are for caches, which are not here. */
function textOf(value: string): string | undefined {
  const match = /^299 [^ "]+ "((?:[^"\\]|\\.)*)"(?: "[^"]*")?$/.exec(value)
  return match?.[1]?.replace(/\\(.)/g, '$1')
}

/** Controls, separators and bidirectional overrides are left out. */
function visible(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffd]/g,
    '',
  )
}

function shortened(text: string): string {
  let kept = text
  while (Buffer.byteLength(kept) > LONGEST) kept = kept.slice(0, -1)
  return kept === text ? text : `${kept}…`
}

function escaped(text: string): string {
  const quoted = text.replace(/["\\]/g, '\\$&')
  return Buffer.from(quoted, 'utf8').toString('latin1')
}
