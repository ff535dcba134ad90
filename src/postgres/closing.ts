/** Milliseconds for a server to say goodbye. */
const LONGEST = 5_000

/**
 * Waits for connections to end. Idle ones do not keep a process alive, so something must while they are closed: it
 * would end amid its own stop otherwise. A server that says nothing is not waited for longer than a few seconds.
 */
export async function closing(ended: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const enough = new Promise<void>(resolve => {
    timer = setTimeout(resolve, LONGEST)
  })
  try {
    await Promise.race([ended, enough])
  } finally {
    clearTimeout(timer)
  }
}
