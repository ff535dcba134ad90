import { JsonMasker, type Masked } from '../json/json-masker.ts'
import type { MaskEngine } from '../json/mask-engine.ts'
import type { ObjectContext } from '../json/value-walk.ts'
import { textAnswer } from './text-answer.ts'

/** How an answer is read. */
export type AnswerForm =
  /** Objects of a kind, if the URL names one. `sequence`: events that follow each other. */
  | ({ readonly read: 'json'; readonly sequence: boolean } & ObjectContext)
  /** `isLog`: may begin anywhere in what was written. */
  | { readonly read: 'text'; readonly source: string; readonly isLog?: boolean }
  /** Documents about the API, which hold no objects. They pass as they are. */
  | { readonly read: 'nothing' }

/** Masks an answer as it passes. After a fault nothing more leaves. */
export interface AnswerMask {
  /** What cannot be read in it; null while all is well. */
  readonly fault: string | null
  push(chunk: Uint8Array): Masked
  /** The rest, when the answer has ended. */
  end(): Masked
  /** Whether something waits only because more may come; what of it may leave is given by `idle`. */
  readonly waits?: boolean
  /** What cannot be part of a secret any more, after a moment in which nothing came. */
  idle?(): Masked
  /** Bytes that were taken and have not left, for the sealed record of an answer that could not be read. */
  held(): readonly Uint8Array[]
}

export function createAnswerMask(engine: MaskEngine, form: AnswerForm): AnswerMask {
  switch (form.read) {
    case 'json':
      return new JsonMasker(engine, form)
    case 'text':
      return textAnswer(engine, form.source, form.isLog === true)
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
