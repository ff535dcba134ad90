import { parse } from 'yaml'
import {
  type PolicyDocument,
  type PolicyRule,
  type PolicyUse,
  policyDocumentSchema,
} from '../../documents/schema/policy.ts'
import { didYouMean } from '../../documents/suggest.ts'
import { presetNames, readPreset } from './read-preset.ts'

export interface UseProblem {
  /** Index in `spec.use`. */
  readonly at: number
  readonly message: string
}

const known = new Map<string, PolicyDocument>()

/** A shipped preset; undefined: there is none of this name. */
export function presetNamed(name: string): PolicyDocument | undefined {
  if (!presetNames.includes(name)) return undefined
  let document = known.get(name)
  if (document === undefined) {
    document = policyDocumentSchema.parse(parse(readPreset(name)))
    known.set(name, document)
  }
  return document
}

/** The rules of a document: its own, and those of the presets that it uses, under the document's name. */
export function rulesOf(document: PolicyDocument): readonly PolicyRule[] {
  const { rules = [], use } = document.spec
  if (use === undefined) return rules
  return [...rules, ...use.flatMap(one => expand(asUse(one)))]
}

/** What keeps `use` from meaning something. */
export function useProblems(document: PolicyDocument): UseProblem[] {
  const taken = new Set(document.spec.rules?.map(rule => rule.name) ?? [])
  return (document.spec.use ?? []).flatMap((one, at) => {
    const use = asUse(one)
    const preset = presetNamed(use.preset)
    if (preset === undefined) {
      return [{ at, message: `there is no preset ${use.preset}${didYouMean(use.preset, presetNames)}` }]
    }
    const problems: UseProblem[] = []
    const wantsGroups = preset.spec.rules!.some(rule => rule.when?.includes(GROUPS) === true)
    if (wantsGroups && use.groups === undefined) {
      problems.push({
        at,
        message: `${use.preset} needs groups: write {preset: ${use.preset}, groups: [...]}`,
      })
    }
    if (!wantsGroups && use.groups !== undefined) {
      problems.push({ at, message: `${use.preset} has no use for groups; principals say for whom it holds` })
    }
    for (const { name } of preset.spec.rules!) {
      if (taken.has(name))
        problems.push({ at, message: `there is another rule named ${name} in this policy` })
      taken.add(name)
    }
    return problems
  })
}

/** Where the names of groups go in a condition of a preset. */
const GROUPS = '$' + '{groups}'

function asUse(use: string | PolicyUse): PolicyUse {
  return typeof use === 'string' ? { preset: use } : use
}

function expand({ preset, principals, connections, groups }: PolicyUse): PolicyRule[] {
  const document = presetNamed(preset)
  if (document === undefined) throw new Error(`there is no preset ${preset}`)
  return document.spec.rules!.map(rule => ({
    ...rule,
    match: {
      ...rule.match,
      ...(principals === undefined ? {} : { principals }),
      ...(connections === undefined ? {} : { connections }),
    },
    ...(rule.when === undefined ? {} : { when: rule.when.replaceAll(GROUPS, () => celList(groups ?? [])) }),
  }))
}

/** JSON's escapes are CEL's as well (cel-spec, string literals). */
function celList(texts: readonly string[]): string {
  return `[${texts.map(text => JSON.stringify(text)).join(', ')}]`
}
