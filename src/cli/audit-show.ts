import type { AuditDetailDocument, AuditList } from '../api/schema/audit.ts'
import { printable } from '../audit/sentence.ts'
import type { ApiClient } from './client/client.ts'
import { flag, type Run } from './frame/context.ts'
import { exitCodes, Failure, usage } from './frame/failure.ts'
import { factLines } from './output/facts.ts'
import { indentJson } from './output/indent-json.ts'
import { shortTime } from './output/time.ts'

export const run: Run = async (context, [id], options) => {
  if ((id === undefined) !== flag(options, 'last')) {
    throw usage('name one entry, or give --last', 'find one: sallyport audit search -o wide')
  }
  const client = await context.client()
  const call = id ?? (await latest(client))
  const detail = await client.get<AuditDetailDocument>(`/v1/audit/entries/${encodeURIComponent(call)}`)
  await context.output.one(detail, textOf(detail), `entry/${detail.entry.call}`)
  return exitCodes.done
}

async function latest(client: ApiClient): Promise<string> {
  const list = await client.get<AuditList>('/v1/audit/entries', { query: { kind: 'k8s.request', limit: 1 } })
  const call = list.items[0]?.call
  if (call !== undefined) return call
  throw new Failure({ exitCode: exitCodes.failed, what: 'no request has been recorded yet' })
}

function textOf(detail: AuditDetailDocument): string {
  const { entry, leaves, bodies } = detail
  const head = entry.head as Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>
  const { principal, client, request, action, decision, result, error, upstream } = head
  const text = (value: unknown): string | undefined =>
    value === undefined || value === null
      ? undefined
      : Array.isArray(value)
        ? value.join(', ')
        : String(value)
  const facts = factLines([
    ['What', entry.sentence],
    ['Request', entry.call],
    ['Time', `${shortTime(entry.time)} UTC`],
    ['User', text(principal?.username)],
    ['Groups', text(principal?.groups)],
    ['Issuer', text(principal?.issuer)],
    ['From', client === undefined ? undefined : `${text(client.address)} · ${text(client.userAgent)}`],
    ['Connection', text(head.connection)],
    ['Session', entry.session ?? undefined],
    ['HTTP', request === undefined ? undefined : `${text(request.method)} ${text(request.uri)}`],
    ['Action', action === undefined ? undefined : JSON.stringify(action)],
    ['Decision', decisionOf(entry.effect, text(decision?.rules), text(decision?.reason))],
    ['Policy', detail.policyDigest ?? undefined],
    ['Upstream', upstream === undefined ? undefined : `${text(upstream.user)} (${text(upstream.mode)})`],
    [
      'Result',
      result === undefined
        ? undefined
        : `${text(result.code)}, ${text(result.ended)}, ${text(result.milliseconds)} ms, ${text(result.bytesOut)} bytes`,
    ],
    [
      'Error',
      error === undefined ? undefined : [error.code, error.check, error.detail].filter(Boolean).join(' · '),
    ],
    ['Leaves', leaves.map(leaf => `${leaf.index} ${leaf.phase}`).join(', ')],
  ])
  const isPart = head.facts?.sealed === 'beginning'
  return [facts, ...bodies.map(body => bodyText(body, isPart))].join('\n\n')
}

function decisionOf(
  effect: string | null,
  rules: string | undefined,
  reason: string | undefined,
): string | undefined {
  if (effect === null) return undefined
  return [effect, rules === undefined || rules === '' ? '' : `by ${rules}`, reason ?? '']
    .filter(part => part !== '')
    .join(' · ')
}

/** @param isPart Whether of a refused answer only the beginning could be kept. */
function bodyText(body: AuditDetailDocument['bodies'][number], isPart: boolean): string {
  const title = `${body.side === 'request' ? 'Request' : 'Answer'} body, ${body.mediaType || 'no media type'}, ${body.bytes} bytes`
  if (body.sealed) return `${title}: sealed${isPart && body.side === 'response' ? ' (its beginning)' : ''}`
  if (body.text === undefined) return `${title}: not text, or deleted`
  const text = /[/+]json\b/.test(body.mediaType) ? indentJson(body.text) : body.text.trimEnd()
  const masked = maskedText(body)
  const lines = text.split('\n').map(line => `  ${printable(line)}`)
  return `${title}${body.truncated === true ? ' (its beginning)' : ''}${masked}\n${lines.join('\n')}`
}

/** Where, by which rule; the values themselves are nobody's to read here. */
function maskedText({ masked = [], maskedValues = 0 }: AuditDetailDocument['bodies'][number]): string {
  if (maskedValues === 0) return ''
  const lines = masked.slice(0, 20).map(one => {
    const kept = { raw: '', fingerprint: ', only its fingerprint kept', none: ', not kept' }[one.keep]
    const print = one.fingerprint === undefined ? '' : `, fingerprint ${one.fingerprint}`
    return `\n  masked: ${printable(one.pointer)} by ${one.rule}${print}${kept}`
  })
  const more = maskedValues - lines.length
  return `, ${maskedValues} ${maskedValues === 1 ? 'value' : 'values'} masked${lines.join('')}${more > 0 ? `\n  and ${more} more` : ''}`
}
