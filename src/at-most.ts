/**
 * Waits for `work`, and no longer than `milliseconds`; rejects when `work` does before. The timer holds the process meanwhile: what
 * is waited for in a stop may hang on sockets that do not, and the process would end amid its own stop.
 */
export async function atMost(work: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const enough = new Promise<void>(resolve => {
    timer = setTimeout(resolve, milliseconds)
  })
  try {
    await Promise.race([work, enough])
  } finally {
    clearTimeout(timer)
  }
}
