import type { MaskingInForce } from '../api/schema/masking.ts'
import { rulesOf } from './client/masking-rules.ts'
import { type Context, type Options, type Run, texts } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'
import type { Column } from './output/table.ts'

type Rule = MaskingInForce['rules'][number]
type Exemption = MaskingInForce['exemptions'][number]

const ruleColumns: readonly Column<Rule>[] = [
  { title: 'RULE', value: r => r.name },
  { title: 'FROM', value: r => r.source },
  { title: 'ACTION', value: r => r.action },
  { title: 'KEEPS', value: r => r.keep },
  { title: 'LEARNS', value: r => (r.learn ? 'yes' : 'no') },
  { title: 'SCOPE', value: r => r.scope.join(', ') || 'all', least: 8 },
  { title: 'WHAT', value: r => r.description || r.places.join(', '), least: 20 },
  { title: 'PLACES', value: r => r.places.join(', '), wide: true },
]

const exemptionColumns: readonly Column<Exemption>[] = [
  { title: 'EXEMPTION', value: e => e.name },
  { title: 'FROM', value: e => e.source },
  { title: 'RULES', value: e => e.rules.join(',') },
  { title: 'FOR', value: e => e.scope.join(', '), least: 12 },
  { title: 'UNTIL', value: e => (e.expires === null ? 'no end' : `${e.expires}${e.ended ? ' (over)' : ''}`) },
  { title: 'REASON', value: e => e.reason, least: 8 },
]

/** The rules of the gateway, or with --rules those that the shipped ones and these files would make. */
export const run: Run = async (context, _args, options) => {
  const list = await listOf(context, options)
  await context.output.list(list, list.rules, ruleColumns, r => `maskingrule/${r.name}`)
  if (list.exemptions.length === 0 || !['table', 'wide'].includes(context.output.format))
    return exitCodes.done
  context.output.raw('\n')
  await context.output.list(list, list.exemptions, exemptionColumns, e => `exemption/${e.name}`)
  return exitCodes.done
}

async function listOf(context: Context, options: Options): Promise<MaskingInForce> {
  const files = texts(options, 'rules')
  if (files.length === 0) return (await context.client()).get<MaskingInForce>('/v1/masking/rules')
  const [{ API_VERSION }, { describeMasking }, masking] = await Promise.all([
    import('../brand.ts'),
    import('../masking/rules/describe.ts'),
    rulesOf(files),
  ])
  const view = describeMasking(masking, Date.now())
  return { apiVersion: API_VERSION, kind: 'MaskingInForce', ...view } as MaskingInForce
}
