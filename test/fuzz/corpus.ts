import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const directory = join(import.meta.dirname, 'corpus')

/** Kept inputs of a target, by name: interesting ones, and all that ever failed. */
export function corpusOf(target: string): { readonly name: string; readonly input: Buffer }[] {
  const own = join(directory, target)
  if (!existsSync(own)) return []
  return readdirSync(own)
    .sort()
    .map(name => ({ name, input: readFileSync(join(own, name)) }))
}
