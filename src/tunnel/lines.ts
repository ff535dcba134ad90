import type { Readable } from 'node:stream'
import { LONGEST_LINE } from './protocol.ts'

/** JSON objects, one a line, from a control stream. `onFault` once, when a line is no object or has no end. */
export function readJsonLines(
  stream: Readable,
  onMessage: (message: Readonly<Record<string, unknown>>) => void,
  onFault: () => void,
): void {
  let rest = ''
  let broken = false
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    if (broken) return
    rest += text
    let end = rest.indexOf('\n')
    try {
      for (; end >= 0; end = rest.indexOf('\n')) {
        const message: unknown = JSON.parse(rest.slice(0, end))
        rest = rest.slice(end + 1)
        if (typeof message !== 'object' || message === null) throw new Error('not an object')
        onMessage(message as Record<string, unknown>)
      }
      if (rest.length > LONGEST_LINE) throw new Error('endless line')
    } catch {
      broken = true
      onFault()
    }
  })
}
