import { type AnswerReading, checkAnswer } from '../../kubernetes/negotiation/answer.ts'
import { rewriteWarnings } from '../../kubernetes/negotiation/warnings.ts'
import { createAnswerMask } from '../../masking/answer/answer-mask.ts'
import { maskText } from '../../masking/request/mask-head.ts'
import type { Answered, Masking } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'
import { maskRulesFor } from '../mask-rules.ts'
import { mediaTypeOf } from '../record.ts'

/**
 * Decides how the answer is read, before a byte of it is released: by where it was asked for and what it calls itself.
 * What cannot be read does not pass (502). The reading itself goes on while the answer is delivered.
 */
export function mask(gateway: Gateway, x: Answered): Masking {
  const form = readingOf(x)
  const rules = maskRulesFor(gateway, x, 'response')
  const named = form === 'json' ? x.answerKind : null
  const engine = gateway.maskEngine(rules)
  x.answer.headers = rewriteWarnings(x.answer.headers, text => maskText(engine, text))
  const answerMask = createAnswerMask(
    engine,
    form === 'json'
      ? {
          read: 'json',
          group: named?.group ?? '',
          kind: named?.kind ?? '',
          source: x.connection.name,
          isTrial: x.action.query.dryRun,
          sequence: x.action.verb === 'watch' && x.answer.status === 200,
        }
      : { read: form, source: x.connection.name, isLog: x.action.subresource === 'log' },
  )
  x.progress.exempt = rules.exempt
  x.progress.sealAnswer = !rules.complete
  const masking = Object.assign(x, { mask: answerMask, maskRules: rules })
  x.live?.masked()
  return masking
}

/** What is refused by its head is kept sealed (`keepUnreadable`): the cluster did answer, and perhaps did something. */
function readingOf(x: Answered): AnswerReading {
  try {
    return checkAnswer(x.parsed, x.answer.status, x.answer.headers)
  } catch (error) {
    x.progress.unreadable = { chunks: [], mediaType: mediaTypeOf(x.answer.headers), byHead: true }
    throw error
  }
}
