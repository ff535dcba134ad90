import type { Masked } from '../json/json-masker.ts'
import { type MaskEngine, placeholderFor } from '../json/mask-engine.ts'
import { createLogMasker } from '../text/from-the-middle.ts'
import { createTextMasker } from '../text/mask-text.ts'
import type { MaskedText } from '../text/text-output.ts'
import type { AnswerMask } from './answer-mask.ts'

/** Plain text as an answer: logs, pages of metrics, what is behind a proxy, errors that are no Status. */
export function textAnswer(engine: MaskEngine, source: string, isLog: boolean): AnswerMask {
  let waiting = 0
  /** Of the original. */
  let line = 1
  /** Bytes that have left. */
  let written = 0
  const masker = (isLog ? createLogMasker : createTextMasker)({
    finder: engine.rules.text,
    ...(engine.rules.fingerprint === null ? {} : { fingerprints: engine.fingerprints }),
    placeholder(rule, original) {
      if (rule.learn) engine.fingerprints.learn(original, rule, source)
      // A text has no places that stay: all that a rule masks in it looks alike.
      return placeholderFor(engine, rule, original, '', '')
    },
  })
  function masked({ bytes, edits }: MaskedText): Masked {
    waiting -= bytes.length
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let from = 0
    const fields = edits.map(({ at, length, original, rule }) => {
      waiting += length - original.length
      line += feeds(text, from, at - written)
      from = at - written
      const source = Buffer.from(original)
      const pointer = `line ${line}`
      line += feeds(source, 0, source.length)
      return { at, length, source, start: 0, end: source.length, rule, pointer, isBase64: false }
    })
    line += feeds(text, from, text.length)
    written += bytes.length
    return { bytes: bytes.length === 0 ? [] : [bytes], fields }
  }
  return {
    fault: null,
    push(chunk) {
      waiting += chunk.length
      return masked(masker.push(chunk))
    },
    end: () => masked(masker.end()),
    held: () => [],
    get waits() {
      return waiting > 0
    },
    idle: () => masked(masker.flushIdle()),
  }
}

function feeds(bytes: Buffer, from: number, to: number): number {
  let count = 0
  for (let at = bytes.indexOf(10, from); at !== -1 && at < to; at = bytes.indexOf(10, at + 1)) count++
  return count
}
