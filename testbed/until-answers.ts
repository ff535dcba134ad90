import type { ChildProcess } from 'node:child_process'

/** Until `url` answers with 2xx. Throws when the process ends before, or after two minutes. */
export async function untilAnswers(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + 120_000
  for (;;) {
    const isUp = await fetch(url).then(
      async answer => {
        await answer.arrayBuffer()
        return answer.ok
      },
      () => false,
    )
    if (isUp) return
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`what should serve ${url} has ended`)
    if (Date.now() > deadline) throw new Error(`${url} does not answer`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
