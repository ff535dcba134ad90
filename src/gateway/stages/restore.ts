import { Refusal } from '../../errors/refusal.ts'
import { parameter } from '../../kubernetes/request/query.ts'
import type { MaskEngine } from '../../masking/json/mask-engine.ts'
import { maskRequest } from '../../masking/request/mask-request.ts'
import { mayAbandon, mayUncover, uncoveredAfter } from '../../masking/writeback/after-patch.ts'
import { type Atlas, NOTHING_LIVE, readAtlas } from '../../masking/writeback/atlas.ts'
import {
  holdsPlaceholder,
  needsAtlas,
  restoreBody,
  type WriteForm,
} from '../../masking/writeback/restore-body.ts'
import { uncovered } from '../../masking/writeback/stays-hidden.ts'
import type { Decided } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { maskRulesFor } from '../mask-rules.ts'
import { maskedPlaces } from '../masked-request.ts'
import { restoreFromHelm } from '../services/restore-from-helm.ts'

/**
 * A caller writes what it has read: where that was masked, the real value goes upstream in its place, read from the live
 * object with the session's own rights, and only back to where it stands. A placeholder anywhere else is refused (422),
 * so nothing is overwritten with it and nothing is copied by it.
 */
export async function restoreMasked(gateway: Gateway, x: Decided): Promise<Decided> {
  gateway.guesses.check(x, () => maskedPlaces(gateway, x))
  const { bytes } = x.body
  const form = x.action.body?.form
  if (bytes === null || form === undefined || !x.action.hasSideEffect) return x
  const engine = engineOf(gateway, x)
  const { verb, apiGroup } = x.action
  const mayRestore = needsAtlas(bytes, form) || (verb === 'update' && leavesOut(engine, x))
  const mustLook = mayRestore || mayUncover(bytes, form, apiGroup)
  if (!mustLook && !mayAbandon(form, apiGroup)) return x
  const live = WRITES.has(verb) && x.action.name !== '' ? await readWritten(gateway, x, mustLook) : null
  if (live === null && !mayRestore) return x
  const view = live === null ? null : masked(x, engine, live)
  const atlas = live === null || view === null ? NOTHING_LIVE : atlasOf(live, view)
  let restored = restoreBody(bytes, form as WriteForm, atlas)
  if (restored === null || 'misplaced' in restored || (live === null && restored.count === 0)) {
    restored = (await restoreFromHelm(gateway, x, engine, live, atlas)) ?? restored
  }
  if (restored === null) {
    if (holdsPlaceholder(bytes)) throw misplaced('', 'it cannot be read')
    return x
  }
  if ('misplaced' in restored) throw misplaced(restored.misplaced, live === null ? NEW : WHY)
  if (live !== null && view !== null && verb === 'patch' && atlas.reaches('')) {
    const manager = parameter(x.parsed.query, 'fieldManager') ?? ''
    const mask = (object: Buffer): Buffer => masked(x, engine, object)
    const uncovers = uncoveredAfter(live, view, bytes, restored.bytes, form, manager, mask)
    if (uncovers !== null) throw misplaced(uncovers, OPEN)
  }
  if (restored.count === 0) return x
  const open = uncoveredBy(x, engine, restored.bytes)
  if (open !== null) throw misplaced(open, OPEN)
  x.progress.restored = { places: restored.count, resourceVersion: atlas.resourceVersion ?? '' }
  return Object.assign(x, { body: { ...x.body, bytes: restored.bytes } })
}

const WRITES = new Set(['update', 'patch'])
const NEW = 'there is no such object yet whose value could be kept'
const OPEN = 'what stands around the masked value has changed so that it would be shown'
const WHY = 'a masked value can only stay where it was read'

/** Where the writer would read back what was restored; null when it is masked again. */
function uncoveredBy(x: Decided, engine: MaskEngine, restored: Buffer): string | null {
  const view = maskRequest(engine, restored, x.answerKind ?? { group: '', kind: '' }, x.action.body!.form)
  return view === null ? '' : uncovered(x.body.bytes!, restored, Buffer.concat(view.bytes))
}

function engineOf(gateway: Gateway, x: Decided): MaskEngine {
  return gateway.maskEngine(maskRulesFor(gateway, x, 'response'))
}

function leavesOut(engine: MaskEngine, x: Decided): boolean {
  if (x.answerKind === null) return false
  const { group, kind } = x.answerKind
  return engine.rules.fields(group, kind).some(field => field.rule.action === 'drop')
}

/**
 * The object that is written, as it is. Null: there is none; or the session may not read it, and nothing in the write says that
 * one must look (`mustLook`).
 */
async function readWritten(gateway: Gateway, x: Decided, mustLook: boolean): Promise<Buffer | null> {
  const query = x.parsed.target.indexOf('?')
  const path = query < 0 ? x.parsed.target : x.parsed.target.slice(0, query)
  const { status, body } = await gateway.readLive(x, path)
  if (status === 404 || (status === 403 && !mustLook)) return null
  if (status !== 200) {
    throw misplaced(
      '',
      `the cluster does not let you read this object (${status}), so its values cannot be kept`,
    )
  }
  return body
}

/** What the caller sees of an object. */
function masked(x: Decided, engine: MaskEngine, object: Buffer): Buffer {
  const view = maskRequest(engine, object, x.answerKind ?? { group: '', kind: '' }, 'object')
  if (view === null) throw new Refusal('upstream-answer-refused', { check: 'answer-unreadable' })
  return Buffer.concat(view.bytes)
}

/** What the caller sees of the live object, and what is there. */
function atlasOf(live: Buffer, view: Buffer): Atlas {
  const atlas = readAtlas(live, view)
  if (atlas === null) throw new Refusal('upstream-answer-refused', { check: 'answer-unreadable' })
  return atlas
}

function misplaced(place: string, why: string): Refusal {
  return new Refusal('masked-value', { check: 'write-back', detail: place === '' ? why : `${place}: ${why}` })
}
