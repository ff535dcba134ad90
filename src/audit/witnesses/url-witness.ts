import { request } from 'undici'
import { parseVerifierKey, SignatureType } from '../log/note.ts'
import type { WitnessLink } from './contract.ts'

const LONGEST_ANSWER = 64 * 1024

/** `<vkey>=<url>`: a witness that speaks C2SP tlog-witness at this submission prefix. Throws an Error for what is none. */
export function parseWitness(text: string): WitnessLink {
  const match = /^(\S+?)=(https?:\/\/\S+)$/.exec(text.trim())
  if (match === null) throw new Error('a witness is given as its verifier key, an equals sign and its URL')
  const key = parseVerifierKey(match[1]!)
  if (key.type !== SignatureType.cosignature)
    throw new Error(`${key.name} is the key of a log, not of a witness`)
  const url = new URL(match[2]!)
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new Error('the URL of a witness has neither credentials nor a query')
  }
  return urlWitness(match[1]!, url)
}

/** Redirects are not followed. The answer needs no trust in the transport: its signature is checked. */
function urlWitness(vkey: string, url: URL): WitnessLink {
  const target = new URL(`${url.pathname.replace(/\/$/, '')}/add-checkpoint`, url)
  return {
    name: url.href.replace(/\/$/, ''),
    vkey,
    async addCheckpoint(body, signal) {
      const answer = await request(target, {
        method: 'POST',
        headers: { 'content-type': 'text/plain; charset=utf-8' },
        body,
        signal,
      })
      const chunks: Buffer[] = []
      let bytes = 0
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        bytes += chunk.length
        if (bytes > LONGEST_ANSWER) throw new Error('the answer is too long')
        chunks.push(chunk)
      }
      const type = answer.headers['content-type']
      return {
        status: answer.statusCode,
        mediaType: (Array.isArray(type) ? type[0] : type)?.split(';', 1)[0]?.trim() ?? '',
        body: Buffer.concat(chunks).toString(),
      }
    },
  }
}
