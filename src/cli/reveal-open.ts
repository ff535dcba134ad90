import { readFileSync } from 'node:fs'
import type { Revelation } from '../api/schema/reveals.ts'
import { printable } from '../audit/sentence.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes, Failure } from './frame/failure.ts'

/** Opens once. With --identity what only a recipient can open is opened here; the identity never leaves this machine. */
export const run: Run = async (context, [id = ''], options) => {
  const identities = await identitiesOf(text(options, 'identity'))
  const client = await context.client()
  const answer = await client.post<Revelation>(`/v1/reveals/${encodeURIComponent(id)}/open`)
  const { digestOf, unlock } = await import('../audit/reveal/unlock.ts')
  if (digestOf(answer.revealed) !== answer.digest) {
    throw new Failure({
      exitCode: exitCodes.failed,
      what: 'what came is not what the log says was shown',
      next: 'tell those who run the gateway; the reveal is used up',
    })
  }
  const shown = { ...answer, revealed: await unlock(answer.revealed, identities) }
  await context.output.one(shown, textOf(shown), `reveal/${answer.id}`)
  const closed = [...shown.revealed.values, ...shown.revealed.bodies].filter(
    one => one.state === 'recipients',
  )
  if (closed.length > 0)
    context.warn(`${closed.length} parts need the identity of a recipient: --identity FILE`)
  return exitCodes.done
}

/** Read before anything is opened: an approval is used once. */
export async function identitiesOf(file: string | undefined) {
  if (file === undefined) return []
  const { linesOf, parseIdentity } = await import('../keys/age/age.ts')
  try {
    return await Promise.all(linesOf(readFileSync(file, 'utf8')).map(parseIdentity))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Failure({ exitCode: exitCodes.usage, what: `the identity ${file} cannot be used: ${why}` })
  }
}

/** Of an answer, or of what was read offline. */
export function textOf({ watermark, revealed }: Shown): string {
  const lines = [`# ${watermark}`]
  for (const value of revealed.values) {
    lines.push(`${value.call} ${value.side} ${printable(value.pointer)} (${value.rule}): ${contentOf(value)}`)
  }
  for (const body of revealed.bodies) {
    const what = body.restored ? 'as it was' : 'sealed whole'
    lines.push(
      '',
      `${body.call} ${body.side} body, ${body.mediaType || 'no media type'}, ${what}:`,
      contentOf(body),
    )
  }
  if (revealed.truncated) lines.push('', 'there is more than one reveal shows: narrow it down')
  return [...lines, `# ${watermark}`].join('\n')
}

interface Shown {
  readonly watermark: string
  readonly revealed: {
    readonly values: readonly (Content & {
      readonly call: string
      readonly side: string
      readonly pointer: string
      readonly rule: string
    })[]
    readonly bodies: readonly (Content & {
      readonly call: string
      readonly side: string
      readonly mediaType: string
      readonly restored: boolean
    })[]
    readonly truncated: boolean
  }
}

interface Content {
  readonly state: string
  readonly text?: string | undefined
  readonly base64?: string | undefined
}

function contentOf(one: Content): string {
  switch (one.state) {
    case 'open':
      return one.text === undefined ? `base64 ${one.base64 ?? ''}` : printable(one.text)
    case 'recipients':
      return 'only a recipient can open it'
    case 'destroyed':
      return 'its key was destroyed'
    default:
      return 'not kept'
  }
}
