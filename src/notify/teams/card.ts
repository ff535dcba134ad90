import type { ApprovalMessage } from '../../approvals/message.ts'
import { printable } from '../../audit/sentence.ts'
import { stepWords } from '../words.ts'

const LINES = 10
const LONGEST = 2_000

type Piece = Readonly<Record<string, unknown>>

/**
 * An adaptive card of schema 1.5. A TextBlock knows a part of Markdown, so everything that is not ours alone stands in
 * TextRuns, which know none. Its only button opens the page.
 */
export function cardOf(m: ApprovalMessage): Piece {
  return {
    type: 'AdaptiveCard',
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    version: '1.5',
    fallbackText: stepWords(m),
    body: [
      runs([{ text: `${stepWords(m)} (check number ${m.check})`, weight: 'Bolder', size: 'Medium' }]),
      runs([{ text: m.sentence, weight: 'Bolder' }]),
      ...(m.risk === null ? [] : [runs([{ text: `Risk: ${m.risk}`, color: 'Attention' }])]),
      ...pairsOf(m).map(([name, text]) => runs([{ text: `${name}: `, weight: 'Bolder' }, { text }])),
      ...foresightOf(m),
      ...m.decisions.slice(0, 20).map(({ by, verdict, reason }) =>
        runs([
          {
            text: `${by} ${verdict === 'approve' ? 'approved' : 'denied'} it${reason === null ? '' : `: ${reason}`}`,
          },
        ]),
      ),
      ...(m.ended === null ? [] : [runs([{ text: m.ended }])]),
    ],
    actions: [
      {
        type: 'Action.OpenUrl',
        title: m.state === 'pending' ? 'Decide on the page' : 'Open the page',
        url: m.link,
      },
    ],
  }
}

function pairsOf(m: ApprovalMessage): [string, string][] {
  const until = new Date(m.deadline).toISOString().slice(0, 16).replace('T', ' ')
  return [
    ['Asked by', `${m.who.username}${m.who.email === null ? '' : ` (${m.who.email})`}, ${m.who.kind}`],
    ['Reason', m.reason ?? 'none given'],
    ['Connection', m.connection],
    ['Held by', m.rules.join(', ')],
    ['A yes opens', m.opens],
    ...(m.takes === '' ? [] : ([['Takes', m.takes]] as [string, string][])),
    ['Decided by', `${until} UTC, or it counts as denied`],
    ['Requests that wait', String(m.requests)],
    ['Approval', m.id],
  ]
}

function foresightOf({ foresight }: ApprovalMessage): Piece[] {
  if (foresight === null) return []
  const { lines, truncated, count, note } = foresight
  const words = [
    ...(note === undefined || note === '' ? [] : [note]),
    ...(count === undefined ? [] : [`It would delete ${count} objects.`]),
    ...lines.slice(0, LINES),
    ...(truncated || lines.length > LINES ? ['…'] : []),
  ]
  return words.map(line => runs([{ text: printable(line), fontType: 'Monospace' }]))
}

function runs(inlines: readonly (Piece & { readonly text: string })[]): Piece {
  return {
    type: 'RichTextBlock',
    inlines: inlines.map(({ text, ...more }) => ({
      ...{ type: 'TextRun', text: text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text },
      ...more,
    })),
  }
}
