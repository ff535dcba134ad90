import type { ExemptionSpec, MaskingRuleSpec } from '../../documents/schema/masking-rules.ts'
import type { CompiledMasking } from './compile.ts'

/** What is in force, in words for people. */
export interface MaskingView {
  readonly digest: string
  readonly rules: readonly RuleView[]
  readonly exemptions: readonly ExemptionView[]
}

export interface RuleView {
  readonly name: string
  /** Name of the document; `shipped` for what is built in. */
  readonly source: string
  readonly description: string
  readonly places: readonly string[]
  readonly action: string
  readonly keep: string
  readonly learn: boolean
  /** Empty: everywhere, for everybody. */
  readonly scope: readonly string[]
}

export interface ExemptionView {
  readonly name: string
  readonly source: string
  readonly rules: readonly string[]
  /** For whom and where. */
  readonly scope: readonly string[]
  readonly reason: string
  /** As it was written; null when it has no end. */
  readonly expires: string | null
  readonly ended: boolean
}

/** @param now Milliseconds since the epoch. */
export function describeMasking({ digest, rules, exemptions }: CompiledMasking, now: number): MaskingView {
  return {
    digest,
    rules: rules.map(({ mask, source, spec }) => ({
      name: mask.name,
      source,
      description: spec.description ?? '',
      places: placesOf(spec),
      action: mask.action === 'partial' ? `partial ${mask.first}+${mask.last}` : mask.action,
      keep: mask.keep,
      learn: mask.learn,
      scope: scopeWords(spec.scope),
    })),
    exemptions: exemptions.map(({ name, source, spec, expires }) => ({
      name,
      source,
      rules: spec.rules,
      scope: scopeWords(spec),
      reason: spec.reason,
      expires: spec.expires ?? null,
      ended: expires <= now,
    })),
  }
}

function placesOf(spec: MaskingRuleSpec): string[] {
  const fields = (spec.fields ?? []).flatMap(({ kinds, paths }) =>
    paths.map(path => `${kinds.join('|')} ${path}`),
  )
  return [
    ...fields,
    ...listed('key', spec.keys),
    ...listed('env', spec.env),
    ...(spec.names ?? []).map(place => `names of ${place === 'env' ? 'environment variables' : 'members'}`),
    ...listed('detector', spec.detectors),
    ...listed(
      'pattern',
      spec.patterns?.map(p => p.regex),
    ),
    ...(spec.fingerprints === true ? ['fingerprints'] : []),
  ]
}

function scopeWords(scope: MaskingRuleSpec['scope'] | ExemptionSpec): string[] {
  if (scope === undefined) return []
  const { users, groups, serviceAccounts, kinds } = scope.principals ?? {}
  return [
    ...listed('user', users),
    ...listed('group', groups),
    ...listed('serviceaccount', serviceAccounts),
    ...listed('principal', kinds),
    ...listed('connection', scope.connections),
    ...listed('namespace', scope.namespaces),
    ...listed('direction', 'directions' in scope ? scope.directions : undefined),
  ]
}

function listed(word: string, items: readonly string[] | undefined): string[] {
  return (items ?? []).map(item => `${word} ${item}`)
}
