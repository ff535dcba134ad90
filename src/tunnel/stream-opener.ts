/**
 * Opens streams of a client session in a turn of their own. Node counts the memory of a session wrongly when a stream
 * is opened while the session hands out what it has received, also in a microtask of that: a peer that resets a stream
 * in the same packet then ends the process by a failed assertion (nodejs/node#38964, met in 26.10).
 */
export function streamOpener(): { add(open: () => void): void } {
  let waiting: (() => void)[] = []
  function openAll(): void {
    const all = waiting
    waiting = []
    for (const open of all) open()
  }
  return {
    add(open) {
      waiting.push(open)
      if (waiting.length === 1) setImmediate(openAll)
    },
  }
}
