import { hash } from 'node:crypto'
import { parseAllDocuments, stringify } from 'yaml'
import type { Principal } from '../../identity/principal.ts'
import { type AnswerForm, createAnswerMask } from '../answer/answer-mask.ts'
import type { ActiveRules, FingerprintFinder, Keep, MaskDirection } from '../contract.ts'
import { plausible } from '../detect/plausible.ts'
import type { MaskedField } from '../json/json-masker.ts'
import { createMaskEngine, type MaskEngine } from '../json/mask-engine.ts'
import { createPlaceholders } from '../placeholder.ts'
import type { CompiledMasking } from './compile.ts'

/** A text, and the circumstances in which somebody would get to see it. */
export interface Sample {
  readonly text: string
  readonly form: 'json' | 'yaml' | 'text'
  /** Of objects that do not say it themselves. */
  readonly group: string
  readonly kind: string
  readonly connection: string
  readonly namespace: string
  readonly direction: MaskDirection
  readonly user: string
  readonly groups: readonly string[]
}

export interface SampleResult {
  readonly digest: string
  /** Rules that an exemption switched off. */
  readonly exempt: readonly string[]
  readonly places: readonly SamplePlace[]
  readonly masked: string
}

export interface SamplePlace {
  /** JSON pointer, with the number of the document before it when there are several; `line 3` in a text. */
  readonly place: string
  readonly rule: string
  readonly action: string
  readonly keep: Keep
}

/** A text that is no JSON or YAML. */
export class UnreadableSample extends Error {}

/**
 * What rules would do to a text. Values that were seen as secrets before are not asked for: whoever may try rules could
 * try guesses. For the same reason placeholders are not those that a caller would see.
 */
export function maskSample(masking: CompiledMasking, sample: Sample, now: number): SampleResult {
  const rules = masking.for({
    connection: sample.connection,
    namespace: sample.namespace,
    direction: sample.direction,
    principal: principalOf(sample),
    now,
  })
  const { places, masked } =
    sample.form === 'text' ? maskText(rules, sample.text) : maskObjects(rules, sample)
  return { digest: rules.digest, exempt: rules.exempt, places, masked }
}

type Outcome = Pick<SampleResult, 'places' | 'masked'>

function maskObjects(rules: ActiveRules, sample: Sample): Outcome {
  const engine = engineOf(rules)
  if (sample.form === 'json') return maskJson(engine, sample, sample.text, '')
  const documents = parseAllDocuments(sample.text, { schema: 'core', uniqueKeys: false })
  const outcomes = documents.map((document, i) => {
    const [error] = document.errors
    if (error !== undefined) throw new UnreadableSample(`it is no YAML: ${error.message.split('\n')[0]}`)
    const json = JSON.stringify(document.toJS({ maxAliasCount: 100 }) ?? null)
    const outcome = maskJson(engine, sample, json, documents.length > 1 ? `document ${i + 1} ` : '')
    return { places: outcome.places, masked: stringify(JSON.parse(outcome.masked), { lineWidth: 0 }) }
  })
  return { places: outcomes.flatMap(o => o.places), masked: outcomes.map(o => o.masked).join('---\n') }
}

function maskJson(engine: MaskEngine, { group, kind }: Sample, text: string, before: string): Outcome {
  const { masked, fields, fault } = read(engine, { read: 'json', group, kind, sequence: true }, text)
  if (fault !== null) throw new UnreadableSample(`it is no JSON (${fault})`)
  const places = fields.map(({ pointer, rule }) => placeOf(`${before}${pointer}`, rule))
  return { places, masked: masked.toString() }
}

function maskText(rules: ActiveRules, text: string): Outcome {
  const { masked, fields } = read(engineOf(rules), { read: 'text', source: '' }, text)
  const places = fields.map(({ at, rule }) => placeOf(`line ${lineAt(masked, at)}`, rule))
  return { places, masked: masked.toString() }
}

/** As an answer of the cluster would be read. */
function read(engine: MaskEngine, form: AnswerForm, text: string) {
  const mask = createAnswerMask(engine, form)
  const parts = [mask.push(Buffer.from(text)), mask.end()]
  return {
    masked: Buffer.concat(parts.flatMap(part => part.bytes)),
    fields: parts.flatMap(part => part.fields),
    fault: mask.fault,
  }
}

function placeOf(place: string, rule: MaskedField['rule']): SamplePlace {
  return { place, rule: rule.name, action: rule.action, keep: rule.keep }
}

function lineAt(bytes: Uint8Array, at: number): number {
  let line = 1
  for (let i = 0; i < at; i++) if (bytes[i] === 10) line++
  return line
}

function engineOf(rules: ActiveRules): MaskEngine {
  return createMaskEngine({
    rules,
    placeholders: createPlaceholders(new Uint8Array(32)),
    fingerprints: nothingSeen,
    plausible,
    fingerprintOf: value => hash('sha256', value, 'hex'),
  })
}

const nothingSeen: FingerprintFinder = {
  mayHold: () => false,
  find: () => undefined,
  match: () => undefined,
  learn: () => undefined,
}

function principalOf({ user, groups, connection }: Sample): Principal {
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user)
  return {
    issuer: '',
    subject: user,
    kind: account === null ? 'person' : 'serviceaccount',
    username: user,
    groups,
    authentication: { method: 'session', provider: '', validUntil: 0, credentialDigest: '' },
    ...(account === null
      ? {}
      : { serviceAccount: { connection, namespace: account[1]!, name: account[2]! } }),
  }
}
