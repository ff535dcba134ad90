import { tellTale } from './key-names.ts'

const NAME_AT_END =
  /([\w.-]{2,96})(?:\\{0,8}["'`])?[\])]{0,2}[ \t]{0,40}(?::=|=>|=|:)[ \t]{0,40}(?:[|>][+-]?\d?[+-]?[ \t]{0,16})?\\{0,8}\s*$/
const PAIR_AT_END =
  /(?:name|key)\\{0,8}["']?[ \t]{0,8}[:=][ \t]{0,8}\\{0,8}["']?([\w.-]{2,96})\\{0,8}["']?[ \t]{0,8},?\s*$/i
const ELEMENT_AT_END = />\s{0,16}([\w.-]{2,96})\s{0,16}<\/[\w:]{1,32}>\s*$/
const FLAG_AT_END = /(?:^|[\s"'])(--?[\w.-]{2,96})(?:\\{0,8}["'][ \t]{0,8},)?\s*$/
const NETRC_AT_END =
  /(?:^|\n)[ \t]{0,16}(?:machine[ \t]+\S{1,128}[ \t]+|default[ \t]+)?login[ \t]{1,8}\S{1,128}\s*$/i
const BLOCK_HEAD =
  /^([ \t]*(?:-[ \t]+)?)(["']?)([\w.-]{2,96})\2[ \t]*:[ \t]+[|>][+-]?\d?[+-]?[ \t]*(?:#.*)?\r?$/
const BARE_KEY =
  /(?:MI[IG]|MHcC|MC4C|MFMC|LS0tLS1CRUdJTi|b3BlbnNzaC1rZXktdj)[A-Za-z0-9+/_-]{20,4096}={0,2}\s*$/

/**
 * Whether a secret that begins in these lines may go on in the next one: a tell-tale name whose value
 * stands below it, a block of YAML, rows of base64 (for keys in frames see `unclosedKey`). `text` is whole lines. Each line for which this holds has an anchor in it.
 */
export function isUnfinished(text: string): boolean {
  const whole = text.trimEnd()
  const tail = whole.slice(Math.max(0, whole.length - 320, whole.lastIndexOf('\n')))
  for (const pattern of [NAME_AT_END, PAIR_AT_END, ELEMENT_AT_END, FLAG_AT_END]) {
    const found = pattern.exec(tail)
    if (found !== null && tellTale(found[1]!) !== undefined) return true
  }
  return NETRC_AT_END.test(tail) || inBlockScalar(text) || inBareKey(text)
}

/** Every line after the last `name: |` stands further in. */
function inBlockScalar(text: string): boolean {
  if (!text.includes(': ')) return false
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  for (let i = lines.length - 1; i >= 0; i--) {
    const head = BLOCK_HEAD.exec(lines[i]!)
    if (head === null) continue
    const margin = head[1]!.length
    return (
      tellTale(head[3]!) !== undefined &&
      lines.slice(i + 1).every(line => line.trim() === '' || /^[ \t]*/.exec(line)![0].length > margin)
    )
  }
  return false
}

function inBareKey(text: string): boolean {
  const lines = text.replace(/\r?\n$/, '').split('\n')
  for (let i = lines.length - 1; i >= 0; i--) {
    if (BARE_KEY.test(lines[i]!)) return true
    if (!/^[ \t]{0,32}[A-Za-z0-9+/_-]{4,128}={0,2}\r?$/.test(lines[i]!)) return false
  }
  return false
}
