/** What another server has answered is looked at step by step: none of it is believed to have the form that it should. */

/** The value behind these names and places; undefined where there is none. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let here = value
  for (const step of path) {
    if (here === null || typeof here !== 'object' || !Object.hasOwn(here, step)) return undefined
    here = (here as Record<string | number, unknown>)[step]
  }
  return here
}

/** Undefined where it is no text. */
export function textAt(value: unknown, ...path: readonly (string | number)[]): string | undefined {
  const found = at(value, ...path)
  return typeof found === 'string' ? found : undefined
}

/** Empty where it is no list. */
export function listAt(value: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const found = at(value, ...path)
  return Array.isArray(found) ? found : []
}

/** Throws when it is no text, or longer than a name is: the answer cannot be used. */
export function mustText(value: unknown, ...path: readonly (string | number)[]): string {
  const found = textAt(value, ...path)
  if (found === undefined || found === '' || found.length > 500) {
    throw new Error(`its answer has no ${path.join('.')}`)
  }
  return found
}
