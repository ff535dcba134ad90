import { readFileSync } from 'node:fs'
import type { MaskingTest } from '../api/schema/masking.ts'
import { rulesOf } from './client/masking-rules.ts'
import { type Context, flag, type Options, type Run, text, texts } from './frame/context.ts'
import { exitCodes, Failure, usage } from './frame/failure.ts'
import type { Column } from './output/table.ts'

type Place = MaskingTest['places'][number]

const columns: readonly Column<Place>[] = [
  { title: 'PLACE', value: p => p.place, least: 24, middle: true },
  { title: 'RULE', value: p => p.rule },
  { title: 'ACTION', value: p => p.action },
  { title: 'KEEPS', value: p => p.keep },
]

/** Shows where and by which rule, never what stood there. */
export const run: Run = async (context, [file = ''], options) => {
  const result = await resultOf(context, options, sampleOf(file, options))
  await context.output.list(result, result.places, columns, p => `${p.rule}${p.place}`)
  if (result.exempt.length > 0) context.say(`switched off by an exemption: ${result.exempt.join(', ')}`)
  if (result.places.length === 0) context.say('nothing would be masked')
  return exitCodes.done
}

function sampleOf(file: string, options: Options) {
  const [kind = '', ...group] = (text(options, 'kind') ?? '').split('.')
  return {
    text: contentOf(file),
    form: (text(options, 'form') ?? formOf(file)) as 'json' | 'yaml' | 'text',
    group: group.join('.'),
    kind,
    connection: text(options, 'connection') ?? '',
    namespace: text(options, 'namespace') ?? '',
    direction: (text(options, 'direction') ?? 'response') as 'response' | 'request' | 'trail',
    user: text(options, 'as') ?? '',
    groups: texts(options, 'asGroup'),
  }
}

function formOf(file: string): string {
  if (/\.json$/i.test(file)) return 'json'
  return /\.ya?ml$/i.test(file) ? 'yaml' : 'text'
}

function contentOf(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw usage(`there is no file ${file}`)
    throw error
  }
}

async function resultOf(
  context: Context,
  options: Options,
  sample: ReturnType<typeof sampleOf>,
): Promise<MaskingTest> {
  const files = texts(options, 'rules')
  if (files.length === 0 && !flag(options, 'shipped')) {
    return (await context.client()).post<MaskingTest>('/v1/masking/test', { body: sample })
  }
  const [{ API_VERSION }, { maskSample, UnreadableSample }, masking] = await Promise.all([
    import('../brand.ts'),
    import('../masking/rules/mask-sample.ts'),
    rulesOf(files),
  ])
  try {
    const result = maskSample(masking, sample, Date.now())
    return { apiVersion: API_VERSION, kind: 'MaskingTest', ...result } as MaskingTest
  } catch (error) {
    if (!(error instanceof UnreadableSample)) throw error
    throw new Failure({ exitCode: exitCodes.failed, what: `the file cannot be read: ${error.message}` })
  }
}
