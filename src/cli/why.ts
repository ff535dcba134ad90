import type { Explained } from '../api/schema/documents.ts'
import { printable } from '../audit/sentence.ts'
import { type Options, type Run, text } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'
import { factLines } from './output/facts.ts'

/** Of a recorded call by its id, or of an action that one thinks of: `why delete pods/api-7f`. */
export const run: Run = async (context, words, options) => {
  const client = await context.client()
  const [first = '', second] = words
  const answer =
    words.length === 1
      ? await client.get<Explained>(`/v1/decisions/${encodeURIComponent(first)}`)
      : await client.post<Explained>('/v1/policy/explain', { body: actionOf(first, second!, words, options) })
  const facts = factLines([
    ['What', answer.sentence ?? asked(words, options)],
    ['Decision', answer.effect],
    ['By', answer.rules.join(', ') || 'no rule: what nothing allows is denied'],
    ['Because', answer.reason],
    ['Passes', passes(answer)],
    ['Policy', answer.policyDigest ?? undefined],
    ...answer.notes.map(note => ['Note', note] as const),
  ])
  const looked = answer.considered.map(
    c =>
      `  ${c.matched ? 'covers' : '-'.padEnd(6)}  ${c.effect.padEnd(5)}  ${printable(`${c.rule}: ${c.why}`)}`,
  )
  const rules = looked.length === 0 ? [] : ['', 'Rules looked at:', ...looked]
  await context.output.one(answer, [facts, ...rules].join('\n'), `decision/${answer.effect}`)
  return exitCodes.done
}

/** How the words were read: `nodes/proxy` is a node of that name, and whoever meant the subresource must see it. */
function asked([verb = '', thing = '']: readonly string[], options: Options): string | undefined {
  if (thing.startsWith('/')) return `${verb} ${thing}`
  const [resource = '', name = '', subresource = ''] = thing.split('/')
  const what = subresource === '' ? resource : `${resource}/${subresource}`
  const namespace = text(options, 'namespace')
  return `${verb} ${what}${name === '' ? '' : ` named ${name}`}${namespace === undefined ? '' : ` in namespace ${namespace}`}`
}

/** What would make it pass, in words; nothing when it does. */
function passes({ effect, considered }: Explained): string | undefined {
  if (effect === 'allow' || considered.length === 0) return undefined
  const against = considered.filter(c => c.matched && c.effect !== 'allow').map(c => c.rule)
  if (against.length > 0)
    return `when ${against.join(' and ')} ${against.length > 1 ? 'are' : 'is'} not about it`
  // The rule with the fewest gaps is the nearest one.
  const [nearest] = considered
    .filter(c => !c.matched && c.effect === 'allow' && c.why.startsWith('does not cover it: '))
    .map(c => ({ rule: c.rule, needs: c.why.slice('does not cover it: '.length).split('; ') }))
    .sort((a, b) => a.needs.length - b.needs.length)
  if (nearest === undefined) return 'when a rule allows it: no rule comes near'
  return `when a rule covers it; the nearest one is ${nearest.rule}: ${nearest.needs.join('; ')}`
}

function actionOf(verb: string, thing: string, words: readonly string[], options: Options): object {
  const connection = text(options, 'connection')
  if (words.length > 2) throw usage('an action is a verb and a thing: delete pods/api-7f')
  if (connection === undefined)
    throw usage('an action is judged on a connection', 'name it: sallyport why delete pods/x -c CONNECTION')
  const namespace = text(options, 'namespace') ?? ''
  if (thing.startsWith('/')) return { connection, action: { verb, path: thing } }
  const [resourceAndGroup = '', name = '', subresource = ''] = thing.split('/')
  const [resource = '', ...group] = resourceAndGroup.split('.')
  return { connection, action: { verb, group: group.join('.'), resource, subresource, namespace, name } }
}
