import { Refusal } from '../../errors/refusal.ts'
import type { FilterOptions } from '../../kubernetes/filter/contract.ts'
import { ObjectFilter } from '../../kubernetes/filter/object-filter.ts'
import type { AnswerMask } from '../../masking/answer/answer-mask.ts'
import type { Masked, MaskedField } from '../../masking/json/json-masker.ts'
import type { Masking } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { beginsWithAll, limitedTo, wantsBareRows } from '../part.ts'
import { circumstancesOf } from '../policy-circumstances.ts'
import { mediaTypeOf } from '../record.ts'
import { answerOf, wholeOf } from '../whole-answer.ts'

/**
 * Where policy allows a part of what was asked for, each object of the answer is judged by itself, by the policy of that
 * moment, before masking sees it. What the cluster refuses stays refused: nothing is asked for that the caller did not.
 */
export function filter(gateway: Gateway, x: Masking): Masking | Promise<Masking> {
  const { part } = x.decision
  if (part === undefined || x.answer.status >= 400) return x
  const { verb } = x.action
  const form: FilterOptions['form'] = verb === 'watch' ? 'watch' : verb === 'list' ? 'list' : 'single'
  if (x.parsed.method === 'HEAD') {
    // Nothing of an object is there by which it could be judged.
    if (form === 'single') throw hidden(x)
    return x
  }
  const isReasoned = x.progress.statedReason !== undefined
  const objects = new ObjectFilter({
    form,
    shows: object => {
      const circumstances = circumstancesOf(x, gateway.now())
      return gateway.policies().shows(limitedTo(x.action, object, part.byLabels), circumstances, isReasoned)
    },
    bareRows: wantsBareRows(x.parsed.query),
    fromStart: beginsWithAll(x.parsed.query),
  })
  if (form === 'single') return judged(gateway, x, objects)
  x.progress.filter = objects
  return Object.assign(x, { mask: behind(objects, x.mask) })
}

/** One object is shown or not before anything of the answer leaves: its status would already tell. */
async function judged(gateway: Gateway, x: Masking, objects: ObjectFilter): Promise<Masking> {
  const bytes = await wholeOf(x.answer, gateway.limits.unreadable)
  const passed = [...objects.push(bytes), ...objects.end()]
  if (objects.fault === 'object-hidden') throw hidden(x)
  if (objects.fault !== null) {
    const mediaType = mediaTypeOf(x.answer.headers)
    x.progress.unreadable = { chunks: [bytes], mediaType, byHead: false }
    throw new Refusal('upstream-answer-refused', { check: 'answer-unreadable', detail: objects.fault })
  }
  return Object.assign(x, { answer: answerOf(x.answer.status, x.answer.headers, Buffer.concat(passed)) })
}

/** What the filter lets pass is masked. */
function behind(objects: ObjectFilter, mask: AnswerMask): AnswerMask {
  const masked = (chunks: readonly Uint8Array[]): Masked => {
    if (chunks.length === 1) return mask.push(chunks[0]!)
    const bytes: Uint8Array[] = []
    const fields: MaskedField[] = []
    for (const chunk of chunks) {
      const one = mask.push(chunk)
      bytes.push(...one.bytes)
      fields.push(...one.fields)
    }
    return { bytes, fields }
  }
  return {
    get fault() {
      return objects.fault ?? mask.fault
    },
    push: chunk => masked(objects.push(chunk)),
    end() {
      const rest = masked(objects.end())
      if (objects.fault !== null) return rest
      const last = mask.end()
      return { bytes: [...rest.bytes, ...last.bytes], fields: [...rest.fields, ...last.fields] }
    },
    held: () => [...mask.held(), ...objects.held()],
  }
}

/** An object that has not the labels which the rules ask for. */
function hidden(x: Masking): Refusal {
  const { decision } = x
  const check = decision.rules[0] ?? 'default-deny'
  const detail = `nothing allows it: this object is not what ${decision.rules.join(', ')} covers`
  x.progress.decision = { ...decision, effect: 'deny', rules: [], reason: detail }
  return new Refusal('denied-by-policy', { check, detail })
}
