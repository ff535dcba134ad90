import type { KeyTable } from '../../kubernetes/json/key-table.ts'
import { type JsonSink, JsonTokenizer } from '../../kubernetes/json/tokenizer.ts'
import { ESCAPED_TEXT, LITERAL, NUMBER, Tape, TEXT } from './tape.ts'

/** Containers open at once. */
export const DEEPEST = 200

/** The tokens of one whole JSON text; null when it is none. */
export function readTape(bytes: Uint8Array, keys: KeyTable): Tape | null {
  const tape = new Tape(keys)
  tape.begin(0)
  const tokenizer = new JsonTokenizer(tapeSink(tape), DEEPEST)
  return tokenizer.feed(bytes) && tokenizer.end() ? tape : null
}

function tapeSink(tape: Tape): JsonSink {
  return {
    open: (isObject, offset) => tape.open(isObject, offset),
    close: (_isObject, offset) => tape.close(offset),
    key(bytes, start, end, offset, escaped) {
      tape.key(bytes, start, end, offset, escaped)
      return true
    },
    text: (_bytes, start, end, offset, escaped) =>
      tape.value(escaped ? ESCAPED_TEXT : TEXT, offset, end - start),
    number: (_bytes, start, end, offset) => tape.value(NUMBER, offset, end - start),
    literal: (value, offset) => tape.value(LITERAL, offset, value.length),
  }
}
