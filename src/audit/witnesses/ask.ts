import { cosignatureAmong } from '../log/cosignature.ts'
import { parseVerifierKey } from '../log/note.ts'
import type { Asked, WitnessLink, WitnessReply } from './contract.ts'

export interface Question {
  readonly size: number
  /** The signed checkpoint. */
  readonly note: string
  /** Where the witness probably stands; 0 when unknown. */
  readonly from: number
  /** Consistency proof from a smaller size to this one. */
  proof(from: number): Promise<readonly Buffer[]>
  /** Entries in the newest checkpoint of ours; it may have grown since the question. */
  newest(): number
}

/** A witness is asked anew when it names another size; twice is enough for an honest one. */
const MOST_REQUESTS = 3

/** The client of C2SP add-checkpoint. Never rejects. */
export async function askWitness(link: WitnessLink, question: Question, signal: AbortSignal): Promise<Asked> {
  const { size, note } = question
  let from = Math.min(question.from, size)
  for (let request = 0; request < MOST_REQUESTS; request += 1) {
    let reply: WitnessReply
    try {
      const proof = await question.proof(from)
      const lines = proof.map(one => `${one.toString('base64')}\n`).join('')
      reply = await link.addCheckpoint(Buffer.from(`old ${from}\n${lines}\n${note}`), signal)
    } catch (error) {
      return { state: 'unreachable', detail: (error as Error).message }
    }
    if (reply.status === 200) return cosigned(link, question, reply)
    if (reply.status === 422) {
      return {
        state: 'conflict',
        detail: `it does not accept that our ${size} entries continue the ${from} it has seen`,
      }
    }
    if (reply.status !== 409) {
      return { state: 'refused', detail: `it answered ${reply.status}${wordsOf(reply)}` }
    }
    const named = sizeOf(reply)
    if (named === null) {
      // Version 1.0.0 of the specification answered so for another root of the same size.
      return from === size
        ? { state: 'conflict', detail: `it has seen another root for ${size} entries` }
        : { state: 'refused', detail: 'it answered 409 without a size' }
    }
    if (named > question.newest()) {
      return {
        state: 'conflict',
        detail: `it has seen ${named} entries, and we have only ${question.newest()}`,
      }
    }
    if (named > size)
      return { state: 'refused', detail: 'somebody showed it a newer checkpoint; it is asked again' }
    from = named
  }
  return { state: 'refused', detail: 'it names another size each time' }
}

function cosigned(link: WitnessLink, { size, note }: Question, reply: WitnessReply): Asked {
  try {
    const { time, line } = cosignatureAmong(reply.body, note, parseVerifierKey(link.vkey))
    return { state: 'cosigned', size, time, line }
  } catch (error) {
    return { state: 'refused', detail: (error as Error).message }
  }
}

function sizeOf({ mediaType, body }: WitnessReply): number | null {
  const match = /^(0|[1-9]\d{0,14})\n$/.exec(body)
  return mediaType === 'text/x.tlog.size' && match !== null ? Number(match[1]) : null
}

/** The witness' own words, cut short and without control characters. */
function wordsOf({ body }: WitnessReply): string {
  const words = body
    .slice(0, 120)
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
  return words === '' ? '' : `: ${words}`
}
