import type { Finding, MaskRule } from '../contract.ts'

/** A place in the output where something else stood. */
export interface TextEdit {
  /** Offset of the replacement in the whole output stream, and its bytes. */
  readonly at: number
  readonly length: number
  readonly original: Uint8Array
  readonly rule: MaskRule
}

export interface MaskedText {
  readonly bytes: Uint8Array
  readonly edits: readonly TextEdit[]
}

export interface TextOutput {
  /** The bytes that offsets speak of from now on. */
  begin(bytes: Buffer): void
  pass(from: number, end: number): void
  /** The bytes from `from` to `end` with findings replaced; offsets of findings count from `origin`. */
  mask(origin: number, from: number, end: number, found: readonly Finding[]): void
  /** All since the last time. */
  take(): MaskedText
}

const NOTHING: MaskedText = { bytes: new Uint8Array(0), edits: [] }

export function createTextOutput(placeholder: (rule: MaskRule, original: string) => string): TextOutput {
  let source: Buffer = Buffer.alloc(0)
  let parts: Buffer[] = []
  let edits: TextEdit[] = []
  /** Bytes that have left, with those in `parts`. */
  let written = 0
  /** A run of bytes that pass as they are, not yet in `parts`. */
  let runStart = 0
  let runEnd = 0

  function flush(): void {
    if (runEnd > runStart) parts.push(source.subarray(runStart, runEnd))
    runStart = 0
    runEnd = 0
  }

  function pass(from: number, end: number): void {
    if (end <= from) return
    written += end - from
    if (runEnd === from && runEnd > runStart) {
      runEnd = end
      return
    }
    flush()
    runStart = from
    runEnd = end
  }

  return {
    begin(bytes) {
      flush()
      source = bytes
    },
    pass,
    mask(origin, from, end, found) {
      let at = from
      for (const finding of found) {
        const start = Math.max(at, origin + finding.start)
        const stop = Math.min(end, origin + finding.end)
        if (stop <= start) continue
        pass(at, start)
        flush()
        const original = Buffer.from(source.subarray(start, stop))
        const replacement = Buffer.from(placeholder(finding.rule, original.toString('utf8')), 'latin1')
        edits.push({ at: written, length: replacement.length, original, rule: finding.rule })
        parts.push(replacement)
        written += replacement.length
        at = stop
      }
      pass(at, end)
    },
    take() {
      flush()
      if (parts.length === 0) return NOTHING
      // A copy: what was held is overwritten by what comes next.
      const bytes = Buffer.concat(parts)
      const result = { bytes, edits }
      parts = []
      edits = []
      return result
    },
  }
}
