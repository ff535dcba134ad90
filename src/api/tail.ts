import { Readable } from 'node:stream'

const HEARTBEAT = 15_000

/**
 * NDJSON out of rows: each line an object with `kind`. A heartbeat line goes out at once and after each quiet
 * period, so that both ends notice a dead link. Back pressure ends at the iterator: the next row is taken when the
 * last one has left.
 */
export function tailOf<T>(
  rows: AsyncIterable<T>,
  present: (row: T) => object,
  now: () => number,
  ended: () => void,
): Readable {
  const iterator = rows[Symbol.asyncIterator]()
  let timer: NodeJS.Timeout | undefined
  const beat = (): boolean =>
    stream.push(`${JSON.stringify({ kind: 'Heartbeat', time: new Date(now()).toISOString() })}\n`)
  let reading = false
  const stream = new Readable({
    highWaterMark: 64 * 1024,
    construct(done) {
      timer = setInterval(beat, HEARTBEAT)
      timer.unref()
      done()
    },
    read() {
      if (reading) return
      reading = true
      iterator.next().then(
        result => {
          reading = false
          if (result.done === true) stream.push(null)
          else stream.push(`${JSON.stringify({ kind: 'AuditEntry', entry: present(result.value) })}\n`)
        },
        error => stream.destroy(error instanceof Error ? error : new Error('tail')),
      )
    },
    destroy(error, done) {
      clearInterval(timer)
      ended()
      Promise.resolve(iterator.return?.()).then(
        () => done(error),
        () => done(error),
      )
    },
  })
  beat()
  return stream
}
