/** Steps of a path at most; objects nest deeper only where somebody wants to hide something. */
const MOST_STEPS = 32

export type ParsedPath =
  | { readonly path: readonly string[] }
  /** `at` counts UTF-16 units from the beginning of the text. */
  | { readonly error: string; readonly at: number }

/**
 * A path as people write it: `spec.card.number`, `data.*`, `spec.items[*].pin`, `metadata.annotations["a.b/c"]`. `*` is
 * any one member or element; what stands in quotes is JSON text and stands for itself. Positions in arrays cannot be
 * named: they move.
 */
export function parsePath(text: string): ParsedPath {
  const path: string[] = []
  let at = 0
  while (at < text.length) {
    if (text[at] === '[') {
      const step = bracket(text, at)
      if ('error' in step) return step
      path.push(step.name)
      at = step.end
    } else {
      if (path.length > 0) {
        if (text[at] !== '.') return { error: 'expected . or [', at }
        at++
      }
      const name = /^(?:\*|[^.[\]"'*\s\\]+)/.exec(text.slice(at))?.[0]
      if (name === undefined) return { error: 'expected a name, * or ["name"]', at }
      path.push(name)
      at += name.length
      if (text[at] === '*' || text[at - 1] === '*') {
        if (at < text.length && text[at] !== '.' && text[at] !== '[') {
          return { error: 'a star stands for one whole step: write * alone between the dots', at }
        }
      }
    }
    if (path.length > MOST_STEPS) return { error: `has more than ${MOST_STEPS} steps`, at }
  }
  return path.length === 0 ? { error: 'names nothing', at: 0 } : { path }
}

type Step = { readonly name: string; readonly end: number } | { readonly error: string; readonly at: number }

function bracket(text: string, at: number): Step {
  if (text.startsWith('[*]', at)) return { name: '*', end: at + 3 }
  const quoted = /^\[("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")\]/.exec(text.slice(at))
  if (quoted === null) {
    const position = /^\[\d+\]/.test(text.slice(at))
    return {
      error: position
        ? 'positions in a list cannot be named, they move: write [*]'
        : 'expected [*] or ["name"] with its quotes',
      at,
    }
  }
  const name = JSON.parse(quoted[1]!) as string
  if (name === '*') return { error: 'a member named * cannot be told from any member', at }
  if (name === '') return { error: 'a member without a name cannot be named', at }
  return { name, end: at + quoted[0].length }
}

/** The path as `parsePath` reads it. */
export function formatPath(path: readonly string[]): string {
  return path
    .map((step, i) => {
      if (step !== '*' && !/^[^.[\]"'*\s\\]+$/.test(step)) return `[${JSON.stringify(step)}]`
      return i === 0 ? step : `.${step}`
    })
    .join('')
}

/** Whether a place can lie on both paths: one may stand for a container around the other. */
export function pathsMeet(a: readonly string[], b: readonly string[]): boolean {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a[i] !== '*' && b[i] !== '*' && a[i] !== b[i]) return false
  }
  return true
}

/** Whether every place on `inner` is also one of `outer`, or inside of one. */
export function pathCovers(outer: readonly string[], inner: readonly string[]): boolean {
  return outer.length <= inner.length && outer.every((step, i) => step === '*' || step === inner[i])
}

/** Which of two paths that lead to the same place is the more special one: longer, then with fewer stars. */
export function comparePaths(a: readonly string[], b: readonly string[]): number {
  return b.length - a.length || stars(a) - stars(b)
}

function stars(path: readonly string[]): number {
  let count = 0
  for (const step of path) if (step === '*') count++
  return count
}
