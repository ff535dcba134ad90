import type { ServerHttp2Stream } from 'node:http2'
import type { AgentWitness } from '../../tunnel/contract.ts'
import { LONGEST_WITNESS_REQUEST } from '../../tunnel/protocol.ts'

/** Answers one stream of the tunnel that shows this agent a checkpoint; see `tunnel/calls/ask-witness.ts`. */
export function serveWitnessCall(stream: ServerHttp2Stream, witness: AgentWitness): void {
  const chunks: Buffer[] = []
  let bytes = 0
  const stop = new AbortController()
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > LONGEST_WITNESS_REQUEST) stream.destroy()
    else chunks.push(chunk)
  })
  stream.once('close', () => stop.abort())
  stream.once('end', () => {
    const request = Buffer.concat(chunks)
    const line = request.indexOf('\n')
    const logKey = request.toString('utf8', 0, Math.max(0, line))
    witness.addCheckpoint(request.subarray(line + 1), logKey, stop.signal).then(
      reply => {
        if (stream.destroyed) return
        stream.respond({ ':status': 200 })
        stream.end(JSON.stringify(reply))
      },
      () => stream.destroy(),
    )
  })
}
