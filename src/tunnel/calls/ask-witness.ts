import type { ClientHttp2Session } from 'node:http2'
import type { WitnessReply } from '../../audit/witnesses/contract.ts'
import { LONGEST_WITNESS_ANSWER, WITNESS_PATH } from '../protocol.ts'

/**
 * Shows an agent a checkpoint: the verifier key of the log on a line of its own, then a body of C2SP add-checkpoint.
 * It answers with one JSON object. Rejects when there is no answer.
 */
export function askAgentWitness(
  session: ClientHttp2Session,
  logKey: string,
  body: Buffer,
  signal: AbortSignal,
): Promise<WitnessReply> {
  return new Promise((resolve, reject) => {
    const stream = session.request(
      { ':method': 'POST', ':path': WITNESS_PATH, ':scheme': 'https', ':authority': 'agent' },
      { signal },
    )
    const chunks: Buffer[] = []
    let bytes = 0
    stream.on('error', reject)
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > LONGEST_WITNESS_ANSWER) stream.destroy(new Error('the answer of the agent is too long'))
      else chunks.push(chunk)
    })
    stream.on('end', () => {
      const reply = replyOf(Buffer.concat(chunks).toString())
      if (reply === undefined) reject(new Error('the agent gave no answer as a witness'))
      else resolve(reply)
    })
    stream.on('close', () => reject(new Error('the agent did not answer')))
    stream.write(`${logKey}\n`)
    stream.end(body)
  })
}

function replyOf(text: string): WitnessReply | undefined {
  try {
    const { status, mediaType, body } = JSON.parse(text) as Record<string, unknown>
    if (typeof status !== 'number' || typeof mediaType !== 'string' || typeof body !== 'string')
      return undefined
    return { status, mediaType, body }
  } catch {
    return undefined
  }
}
