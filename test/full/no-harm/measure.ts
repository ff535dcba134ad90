import { JsonMasker } from '../../../src/masking/json/json-masker.ts'
import type { MaskEngine } from '../../../src/masking/json/mask-engine.ts'
import { createLogMasker } from '../../../src/masking/text/from-the-middle.ts'

export interface MaskedPlace {
  readonly from: string
  readonly pointer: string
  readonly rule: string
  /** What stood there. */
  readonly value: string
}

export interface Measured {
  /** String values that were looked at. */
  readonly strings: number
  readonly masked: readonly MaskedPlace[]
}

/** An answer with one object, as a caller gets it. */
export function measure(engine: MaskEngine, from: string, object: unknown): Measured {
  const masker = new JsonMasker(engine, { group: '', kind: '', sequence: false })
  const { fields } = masker.push(Buffer.from(JSON.stringify(object)))
  masker.end()
  if (masker.fault !== null) throw new Error(`${from}: ${masker.fault}`)
  const masked = fields.map(({ pointer, rule, source, start, end }) => ({
    from,
    pointer,
    rule: rule.name,
    value: source.toString('utf8', start, end),
  }))
  return { strings: stringsIn(object), masked }
}

function stringsIn(value: unknown): number {
  if (typeof value === 'string') return 1
  if (typeof value !== 'object' || value === null) return 0
  let count = 0
  for (const inner of Object.values(value)) count += stringsIn(inner)
  return count
}

/** A log, line by line. */
export function measureText(engine: MaskEngine, from: string, text: string): Measured {
  const lines = text.split('\n')
  const masked: MaskedPlace[] = []
  const masker = createLogMasker({
    finder: engine.rules.text,
    placeholder(rule, value) {
      masked.push({ from, pointer: '', rule: rule.name, value })
      return 'x'
    },
  })
  masker.push(Buffer.from(text))
  masker.end()
  return { strings: lines.length, masked }
}
