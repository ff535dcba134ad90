/** The first line of a problem, without what differs from one input to the next. */
export function kindOf(problem: string): string {
  return problem
    .split('\n', 1)[0]!
    .replace(/["'`].*/s, '')
    .replace(/\d+/g, '#')
    .slice(0, 120)
}

/**
 * Takes parts away as long as the same problem stays: halves first, then ever smaller parts, within `tries` checks and
 * `milliseconds`. Simple, and short enough to read mostly.
 */
export async function minimise(
  input: Buffer,
  problem: string,
  problemOf: (input: Buffer) => Promise<string | null>,
  limits: { readonly tries: number; readonly milliseconds: number },
): Promise<Buffer> {
  const kind = kindOf(problem)
  const deadline = performance.now() + limits.milliseconds
  let best = input
  let tries = limits.tries
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.length; ) {
      if (tries-- <= 0 || performance.now() > deadline) return best
      const shorter = Buffer.concat([best.subarray(0, at), best.subarray(at + size)])
      const found = await problemOf(shorter)
      if (found !== null && kindOf(found) === kind) best = shorter
      else at += size
    }
  }
  return best
}
