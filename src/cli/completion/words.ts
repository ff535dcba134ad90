import { groupSummaries, optionsOf } from '../frame/command-spec.ts'
import { tree } from '../frame/tree.ts'

/** What can follow a prefix of command words; the whole command line as data, for every shell's script. */
export interface Completions {
  /** `''`, `'audit'`, `'audit search'`. */
  readonly path: string
  readonly words: readonly Word[]
  readonly options: readonly OptionWords[]
}

export interface Word {
  readonly word: string
  readonly summary: string
}

export interface OptionWords {
  readonly long: string
  readonly short: string | undefined
  readonly summary: string
  /** Undefined: the option is a switch. */
  readonly value: 'any' | 'file' | readonly string[] | undefined
}

export function completions(): Completions[] {
  const visible = tree.filter(spec => spec.hidden !== true)
  const found: Completions[] = [
    {
      path: '',
      words: [...new Set(visible.map(spec => spec.path[0]!))].map(word => ({
        word,
        summary: groupSummaries[word] ?? visible.find(spec => spec.path[0] === word)!.summary,
      })),
      options: [],
    },
  ]
  for (const name of Object.keys(groupSummaries)) {
    const under = visible.filter(spec => spec.path.length === 2 && spec.path[0] === name)
    found.push({
      path: name,
      words: under.map(spec => ({ word: spec.path[1]!, summary: spec.summary })),
      options: [],
    })
  }
  for (const spec of visible) {
    found.push({
      path: spec.path.join(' '),
      words: (spec.arguments?.[0]?.choices ?? (spec.path[0] === 'get' ? getKinds : [])).map(word => ({
        word,
        summary: '',
      })),
      options: optionsOf(spec).map(option => {
        const long = /--[a-z-]+/.exec(option.flags)![0]
        const takes = /[<[]/.test(option.flags)
        return {
          long,
          short: /^(-[A-Za-z]),/.exec(option.flags)?.[1],
          summary: option.description,
          value: !takes ? undefined : (option.choices ?? (option.file === true ? 'file' : 'any')),
        }
      }),
    })
  }
  return found
}

const getKinds = ['connections', 'policies', 'identityproviders', 'maskingrules', 'agents']
