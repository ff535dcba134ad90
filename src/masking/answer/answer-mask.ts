import type { Finding } from '../contract.ts'
import { applyEdits, fieldsOf } from '../json/edit.ts'
import { JsonMasker, type Masked } from '../json/json-masker.ts'
import { type MaskEngine, placeholderFor } from '../json/mask-engine.ts'
import type { ObjectContext } from '../json/object-walk.ts'

/** How an answer is read. */
export type AnswerForm =
  /** Objects of a kind, if the URL names one. `sequence`: events that follow each other. */
  | ({ readonly read: 'json'; readonly sequence: boolean } & ObjectContext)
  | { readonly read: 'text' }
  /** Documents about the API, which hold no objects. They pass as they are. */
  | { readonly read: 'nothing' }

/** Masks an answer as it passes. After a fault nothing more leaves. */
export interface AnswerMask {
  /** What cannot be read in it; null while all is well. */
  readonly fault: string | null
  push(chunk: Uint8Array): Masked
  /** The rest, when the answer has ended. */
  end(): Masked
  /** Bytes that were taken and have not left, for the sealed record of an answer that could not be read. */
  held(): readonly Uint8Array[]
}

export function createAnswerMask(engine: MaskEngine, form: AnswerForm): AnswerMask {
  switch (form.read) {
    case 'json':
      return new JsonMasker(engine, form)
    case 'text':
      return lineMask(engine)
    case 'nothing':
      return passing
  }
}

const passing: AnswerMask = {
  fault: null,
  push: chunk => ({ bytes: [chunk], fields: [] }),
  end: () => ({ bytes: [], fields: [] }),
  held: () => [],
}

/** Longest line that is held. */
const LONGEST_LINE = 64 * 1024

/** Line by line. */
function lineMask(engine: MaskEngine): AnswerMask {
  let rest = Buffer.alloc(0)
  let released = 0
  function take(bytes: Buffer): Masked {
    const text = bytes.toString('latin1')
    const found: Finding[] = []
    engine.rules.text.find(text, found)
    const edits = found.map(({ start, end, rule }, i) => {
      const replacement = placeholderFor(engine, rule, text.slice(start, end), '', `#${i}`)
      return { start, end, replacement, rule, pointer: '' }
    })
    const masked = fieldsOf(bytes, edits, released)
    const out = applyEdits(bytes, edits)
    released += out.length
    return { bytes: [out], fields: masked }
  }
  return {
    fault: null,
    push(chunk) {
      const all = Buffer.concat([rest, chunk])
      const end = all.length > LONGEST_LINE ? all.length : all.lastIndexOf(10) + 1
      rest = all.subarray(end)
      return end === 0 ? { bytes: [], fields: [] } : take(all.subarray(0, end))
    },
    end: () => (rest.length === 0 ? { bytes: [], fields: [] } : take(rest)),
    held: () => [rest],
  }
}
