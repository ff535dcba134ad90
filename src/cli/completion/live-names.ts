import { optionsOf } from '../frame/command-spec.ts'
import { tree } from '../frame/tree.ts'

/** Names that only a gateway (or the profile) knows. */
export type LiveNames =
  | { readonly what: 'connections' | 'sessions' | 'agents' | 'profiles' }
  | { readonly what: 'documents'; readonly kind: string }

/** By command and place of the argument. */
const ARGUMENTS: Readonly<Record<string, (before: readonly string[]) => LiveNames | undefined>> = {
  'connection use': first('connections'),
  'connection doctor': first('connections'),
  'profile use': first('profiles'),
  'profile remove': first('profiles'),
  'session show': first('sessions'),
  'session end': () => ({ what: 'sessions' }),
  'agent token': first('agents'),
  'agent remove': first('agents'),
  get: second,
  delete: second,
  revoke: before => (before.length === 1 && before[0] === 'session' ? { what: 'sessions' } : undefined),
}

/** By long option, of every command that has it. */
const OPTIONS: Readonly<Record<string, LiveNames>> = {
  '--connection': { what: 'connections' },
  '--session': { what: 'sessions' },
  '--agent': { what: 'agents' },
}

function first(what: 'connections' | 'sessions' | 'agents' | 'profiles') {
  return (before: readonly string[]): LiveNames | undefined => (before.length === 0 ? { what } : undefined)
}

function second(before: readonly string[]): LiveNames | undefined {
  if (before.length !== 1) return undefined
  return before[0] === 'agents' ? { what: 'agents' } : { what: 'documents', kind: before[0]! }
}

/** Paths of commands whose arguments have live names. */
export const livePaths: readonly string[] = Object.keys(ARGUMENTS)
/** Long and short options with live names, as `path option`. */
export function liveOptions(): string[] {
  return tree
    .filter(spec => spec.hidden !== true)
    .flatMap(spec =>
      optionsOf(spec).flatMap(option => {
        const names =
          option.flags.match(/(?:^|[ ,])(--?[a-zA-Z][a-z-]*)/g)?.map(n => n.replace(/[ ,]/g, '')) ?? []
        return names.some(name => Object.hasOwn(OPTIONS, name))
          ? names.map(name => `${spec.path.join(' ')} ${name}`)
          : []
      }),
    )
}

/** What can follow these words, without the program's own name and without the word that is being typed. */
export function liveNamesAt(words: readonly string[]): LiveNames | undefined {
  const spec = tree.find(one => one.path.every((word, i) => words[i] === word))
  if (spec === undefined) return undefined
  const takesValue = (word: string): boolean =>
    optionsOf(spec).some(o => o.flags.includes('<') && o.flags.split(/[ ,]+/).includes(word))
  const before: string[] = []
  const typed = words.slice(spec.path.length)
  for (let i = 0; i < typed.length; i++) {
    const word = typed[i]!
    if (!word.startsWith('-')) before.push(word)
    else if (takesValue(word)) {
      if (i === typed.length - 1) return optionAt(spec.path.join(' '), word)
      i++
    }
  }
  return ARGUMENTS[spec.path.join(' ')]?.(before)
}

function optionAt(path: string, word: string): LiveNames | undefined {
  const spec = tree.find(one => one.path.join(' ') === path)!
  const option = optionsOf(spec).find(o => o.flags.split(/[ ,]+/).includes(word))
  const long = /--[a-z-]+/.exec(option?.flags ?? '')?.[0] ?? ''
  return Object.hasOwn(OPTIONS, long) ? OPTIONS[long] : undefined
}
