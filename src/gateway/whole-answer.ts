import { Refusal } from '../errors/refusal.ts'
import { Answer } from './answer.ts'

/** The body of an answer that is short by its nature; Refusal `upstream-answer-refused` when it has more than `limit` bytes. */
export async function wholeOf(answer: Answer, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  while (!answer.ended || answer.waiting > 0) {
    if (answer.waiting === 0) await answer.progress()
    for (const chunk of answer.take()) {
      bytes += chunk.length
      chunks.push(chunk)
    }
    if (bytes > limit) throw new Refusal('upstream-answer-refused', { check: 'answer-too-large' })
  }
  answer.check()
  return Buffer.concat(chunks)
}

/** An answer that is there as a whole. */
export function answerOf(status: number, headers: readonly string[], body: Uint8Array): Answer {
  const answer = new Answer()
  answer.onHead(status, headers, { pause() {}, resume() {} })
  if (body.length > 0) answer.onData(Buffer.from(body.buffer, body.byteOffset, body.length))
  answer.onEnd()
  return answer
}
