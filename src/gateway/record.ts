import type { CapturedBody, DeltaField, Head, NewEntry } from '../audit/entry.ts'
import { principalFacts } from '../audit/principal-facts.ts'
import { catalogue } from '../errors/catalogue.ts'
import { Refusal } from '../errors/refusal.ts'
import type { KubernetesAction } from '../kubernetes/action.ts'
import { isWorthRemembering } from '../masking/fingerprints/is-worth-remembering.ts'
import type { MaskedField } from '../masking/json/json-masker.ts'
import type { MaskEngine } from '../masking/json/mask-engine.ts'
import { maskCommand, maskTarget, maskText } from '../masking/request/mask-head.ts'
import type { Decision } from '../policy/decision.ts'
import { imagesOf } from '../policy/fields/images.ts'
import { CallerLeft } from './caller.ts'
import type { Answered, Classified, Progress, Received } from './exchange.ts'
import type { Gateway } from './gateway.ts'

/** What the log is told of an exchange. One function per kind of entry; none of them decides anything. */

export function intentOf(gateway: Gateway, x: Received, progress: Progress): NewEntry {
  const { fingerprintOf } = gateway
  const body = progress.requestBody
  const entry: NewEntry = {
    call: x.callId,
    kind: 'k8s.request',
    phase: 'intent',
    session: progress.session?.id ?? null,
    effect: progress.decision?.effect ?? null,
    policyDigest: progress.decision?.policyDigest ?? null,
    head: headOf(gateway, x, progress),
  }
  if (body?.bytes == null || progress.connection?.capture !== 'full') return entry
  // A body that nobody could read into an action may hold anything: it is kept under the sealed class.
  const masked = body.masked
  if (masked === undefined) return { ...entry, request: sealedBody([body.bytes], body.mediaType) }
  return { ...entry, request: shownBody(masked.bytes, body.mediaType, masked.fields, 0, fingerprintOf) }
}

/** What leaves in one frame. `start`: bytes of the answer that left before it. */
export interface Frame {
  readonly chunks: readonly Uint8Array[]
  readonly fields: readonly MaskedField[]
  readonly start: number
}

export function frameOf(gateway: Gateway, x: Answered, number: number, frame?: Frame): NewEntry {
  const head: Head =
    number === 0
      ? { facts: { frame: 0, status: x.answer.status, headers: shownHeaders(gateway, x.answer.headers) } }
      : { facts: { frame: number } }
  const entry: NewEntry = {
    call: x.callId,
    kind: 'k8s.request',
    phase: 'frame',
    session: x.session.id,
    effect: null,
    policyDigest: null,
    head,
  }
  if (frame === undefined) return entry
  return { ...entry, response: answerBody(gateway, x.progress, frame, mediaTypeOf(x.answer.headers)) }
}

/** A frame of an answer that does not leave; not the first one, which says its status. */
export function sealedFrameOf(
  gateway: Gateway,
  x: Answered,
  number: number,
  chunks: readonly Uint8Array[],
  mediaType: string,
): NewEntry {
  return { ...frameOf(gateway, x, number), response: sealedBody(chunks, mediaType) }
}

/** What is behind a proxy may set cookies. */
function shownHeaders(gateway: Gateway, headers: readonly string[]): string[] {
  const engine = gateway.trailEngine()
  return headers.map((value, i) => {
    if (i % 2 === 0) return value
    const before = `${headers[i - 1]}: `
    return maskText(engine, `${before}${value}`).slice(before.length)
  })
}

export interface Ending {
  readonly ended: NonNullable<Head['result']>['ended']
  readonly bytesOut: number
  readonly body?: Frame
  readonly code?: number
  readonly error?: Head['error']
}

export function outcomeOf(gateway: Gateway, x: Received, progress: Progress, ending: Ending): NewEntry {
  const answered = x as Partial<Answered>
  const head: Head = {
    result: {
      code: ending.code ?? answered.answer?.status ?? 0,
      bytesIn: progress.requestBody?.bytes?.length ?? 0,
      bytesOut: ending.bytesOut,
      milliseconds: gateway.now() - x.receivedAt,
      ended: ending.ended,
    },
    ...(progress.upstream === undefined
      ? {}
      : {
          upstream: {
            mode: progress.upstream.mode,
            user: progress.upstream.user,
            groups: progress.upstream.groups,
            // What the cluster itself answered, where the caller was told something else.
            ...(progress.firstStatus !== undefined
              ? { status: progress.firstStatus }
              : ending.error === undefined || answered.answer === undefined
                ? {}
                : { status: answered.answer.status }),
          },
        }),
    ...(progress.agent === undefined ? {} : { agent: progress.agent }),
    ...(ending.error === undefined ? {} : { error: ending.error }),
    ...outcomeFacts(gateway, answered.answer, progress),
  }
  const entry: NewEntry = {
    call: x.callId,
    kind: 'k8s.request',
    phase: 'outcome',
    session: progress.session?.id ?? null,
    effect: progress.decision?.effect ?? (ending.ended === 'refused' ? 'deny' : null),
    policyDigest: progress.decision?.policyDigest ?? null,
    head,
  }
  if (progress.connection?.capture !== 'full') return entry
  if (progress.unreadable !== undefined && progress.unreadable.chunks.length > 0) {
    const { chunks, mediaType } = progress.unreadable
    return { ...entry, response: sealedBody(chunks, mediaType) }
  }
  if (ending.body === undefined || ending.body.chunks.length === 0) return entry
  const mediaType = mediaTypeOf(answered.answer?.headers ?? [])
  return { ...entry, response: answerBody(gateway, progress, ending.body, mediaType) }
}

function outcomeFacts(
  gateway: Gateway,
  answer: Answered['answer'] | undefined,
  { exempt, unreadable, frames, connection, filter }: Progress,
): Pick<Head, 'facts'> {
  const facts: Record<string, unknown> = {}
  if (exempt !== undefined && exempt.length > 0) facts.unmasked = exempt
  if (filter !== undefined) facts.hidden = filter.hidden
  if (unreadable?.kept !== undefined) facts.sealed = unreadable.kept
  // What the answer called itself is why it was refused; frame 0 says it where there is one.
  if (unreadable?.byHead === true && frames === undefined && answer !== undefined && connection !== undefined)
    facts.headers = shownHeaders(gateway, answer.headers)
  return Object.keys(facts).length === 0 ? {} : { facts }
}

/** Someone who could not be identified. Kept apart from requests: no session, no action, nothing trusted in it. */
export function authenticationFailureOf(gateway: Gateway, x: Received, error: Refusal): NewEntry {
  return {
    call: x.callId,
    kind: 'auth.fail',
    phase: 'state',
    session: null,
    effect: 'deny',
    policyDigest: null,
    head: {
      client: clientOf(gateway.trailEngine(), x),
      connection: x.connectionName,
      // Without the query: strangers put their tokens there.
      request: { method: x.caller.method.slice(0, 16), uri: x.target.split('?', 1)[0]!.slice(0, 1024) },
      error: errorFacts(error),
    },
  }
}

export function errorFacts(error: Refusal): NonNullable<Head['error']> {
  return {
    code: error.code,
    ...(error.check === undefined ? {} : { check: error.check }),
    ...(error.detail === undefined ? {} : { detail: error.detail }),
  }
}

/** What an unexpected end means for the record. */
export function endingOf(error: unknown, headSent: boolean): NonNullable<Head['result']>['ended'] {
  if (error instanceof CallerLeft) return 'aborted-by-caller'
  if (error instanceof Refusal) {
    const isOurs = catalogue[error.code].status < 500
    if (headSent && (isOurs || error.code === 'audit-unavailable')) return 'cut'
    if (isOurs) return 'refused'
  }
  return headSent ? 'aborted-by-upstream' : 'refused'
}

function headOf(gateway: Gateway, x: Received, progress: Progress): Head {
  const { principal, action, decision } = progress
  const engine = gateway.trailEngine()
  return {
    ...(principal === undefined ? {} : { principal: principalFacts(principal) }),
    client: clientOf(engine, x),
    connection: x.connectionName,
    request: { method: x.caller.method, uri: maskTarget(engine, x.target) },
    ...(action === undefined ? {} : { action: actionFacts(engine, action) }),
    ...(progress.statedReason === undefined ? {} : { statedReason: maskText(engine, progress.statedReason) }),
    ...(decision === undefined ? {} : { decision: decisionFacts(decision, progress) }),
    ...factsOf(progress),
  }
}

function factsOf({ restored, grant }: Progress): Pick<Head, 'facts'> {
  if (restored === undefined && grant === undefined) return {}
  return {
    facts: { ...(restored === undefined ? {} : { restored }), ...(grant === undefined ? {} : { grant }) },
  }
}

function decisionFacts(
  decision: Decision,
  { decidedAt: at, grant }: Progress,
): NonNullable<Head['decision']> {
  const { effect, rules, reason, requireReason, limits, part } = decision
  return {
    effect,
    rules,
    reason,
    ...(at === undefined ? {} : { at }),
    ...(grant === undefined
      ? {}
      : grant.brokenGlass === true
        ? { brokenGlass: true as const }
        : { approved: true as const }),
    ...(requireReason === undefined ? {} : { requireReason }),
    ...(limits === undefined ? {} : { limits: limits.map(limit => limit.rule) }),
    ...(part === undefined ? {} : { part: part.shown }),
  }
}

function clientOf(engine: MaskEngine, x: Received): NonNullable<Head['client']> {
  const { address, port, userAgent } = x.caller
  const command = (x as Partial<Classified>).parsed?.headers.get('kubectl-command')
  return {
    address,
    port,
    userAgent: maskText(engine, userAgent),
    ...(command === undefined ? {} : { command: maskText(engine, command.slice(0, 256)) }),
  }
}

/** Empty fields say nothing and cost bytes in every record: they are left out. */
export function actionFacts(engine: MaskEngine, a: KubernetesAction): Record<string, unknown> {
  const facts: Record<string, unknown> = { verb: a.verb }
  if (a.isResource) {
    facts.resource = a.resource
    if (a.apiGroup !== '') facts.apiGroup = a.apiGroup
    facts.apiVersion = a.apiVersion
    if (a.subresource !== '') facts.subresource = a.subresource
    if (a.namespace !== '') facts.namespace = a.namespace
    if (a.name !== '') facts.name = a.name
  } else facts.path = a.path
  if (a.risk !== 'none') facts.risk = a.risk
  if (a.risks !== undefined && a.risks.length > 1) facts.risks = a.risks
  if (a.namespaced !== undefined) facts.namespaced = a.namespaced
  if (a.longRunning) facts.longRunning = true
  if (a.query.dryRun) facts.dryRun = true
  if (a.query.labelSelector !== '') facts.labelSelector = maskText(engine, a.query.labelSelector)
  if (a.query.fieldSelector !== '') facts.fieldSelector = maskText(engine, a.query.fieldSelector)
  if (a.query.command.length > 0) facts.command = maskCommand(engine, a.query.command)
  if (a.query.container !== '') facts.container = a.query.container
  if (a.query.follow) facts.follow = true
  if (a.impersonate !== null) facts.impersonate = a.impersonate
  if (a.body !== null) {
    const { apiVersion, kind, name, namespace, form, result } = a.body
    facts.body = {
      ...{ apiVersion, kind, name, ...(namespace === '' ? {} : { namespace }), form },
      ...(result === undefined ? {} : { result }),
    }
    facts.images = imagesFacts(engine, a)
  }
  return facts
}

const IMAGES_KEPT = 100

/** Null: they could not be told. More than are kept are told by the body alone. */
function imagesFacts(engine: MaskEngine, action: KubernetesAction): readonly string[] | null | undefined {
  const images = imagesOf(action)
  if (images === null) return null
  if (images.length > IMAGES_KEPT) return undefined
  return images.map(image => maskText(engine, image))
}

/** Who is exempt sees what the readers of the trail must not: then the whole answer is sealed, originals included. */
function answerBody(
  gateway: Gateway,
  progress: Progress,
  { chunks, fields, start }: Frame,
  mediaType: string,
): CapturedBody {
  return progress.sealAnswer === true
    ? sealedBody(withOriginals(chunks, fields, start), mediaType)
    : shownBody(chunks, mediaType, fields, start, gateway.fingerprintOf)
}

/** A sealed body has no list of what was masked in it: what is to be kept stands in its place again. */
export function withOriginals(
  chunks: readonly Uint8Array[],
  fields: readonly MaskedField[],
  start: number,
): readonly Uint8Array[] {
  const kept = fields.filter(field => field.rule.keep === 'raw')
  if (kept.length === 0) return chunks
  const masked = Buffer.concat(chunks)
  const pieces: Uint8Array[] = []
  let from = 0
  for (const field of kept) {
    const at = field.at - start
    pieces.push(masked.subarray(from, at), field.source.subarray(field.start, field.end))
    from = at + field.length
  }
  pieces.push(masked.subarray(from))
  return pieces
}

/** What was read for secrets: readable for those who may search, with the originals sealed beside it. */
function shownBody(
  chunks: readonly Uint8Array[],
  mediaType: string,
  fields: readonly MaskedField[],
  start: number,
  fingerprintOf: (value: string) => string,
): CapturedBody {
  const body: CapturedBody = { chunks, mediaType, keyClass: 'shown' }
  if (fields.length === 0) return body
  return { ...body, delta: { fields: fields.map(field => deltaField(field, start, fingerprintOf)) } }
}

function deltaField(field: MaskedField, start: number, fingerprintOf: (value: string) => string): DeltaField {
  const { at, length, pointer, rule, source, isBase64 } = field
  const original = source.subarray(field.start, field.end)
  const facts = { at: at - start, length, pointer, rule: rule.name, keep: rule.keep, original }
  if (rule.keep === 'none') return facts
  const text = original.toString('latin1')
  const value = isBase64 ? Buffer.from(text, 'base64').toString('latin1') : text
  return canBeGuessed(value) ? facts : { ...facts, fingerprint: fingerprintOf(value) }
}

/**
 * Readers of the trail see fingerprints, and some of them may write objects: the fingerprint of a short or ordinary value
 * would let them try guesses until one is equal. Long values are not worth the look.
 */
function canBeGuessed(value: string): boolean {
  return value.length < 48 && !isWorthRemembering(value)
}

function sealedBody(chunks: readonly Uint8Array[], mediaType: string): CapturedBody {
  return { chunks, mediaType, keyClass: 'sealed' }
}

export function mediaTypeOf(headers: readonly string[]): string {
  for (let i = 0; i + 1 < headers.length; i += 2) if (headers[i] === 'content-type') return headers[i + 1]!
  return ''
}
