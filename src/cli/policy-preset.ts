import { API_VERSION } from '../brand.ts'
import type { Run } from './frame/context.ts'
import { exitCodes, usage } from './frame/failure.ts'
import type { Column } from './output/table.ts'

interface Preset {
  readonly name: string
  readonly effect: string
  readonly description: string
}

const columns: readonly Column<Preset>[] = [
  { title: 'PRESET', value: p => p.name },
  { title: 'EFFECT', value: p => p.effect },
  { title: 'WHAT IT DOES', value: p => p.description, least: 30 },
]

/** Offline: the shipped rules for `use` in a policy. */
export const run: Run = async (context, [action = 'list', name]) => {
  const [{ presetNamed }, { presetNames, readPreset }] = await Promise.all([
    import('../policy/presets/expand.ts'),
    import('../policy/presets/read-preset.ts'),
  ])
  const items = presetNames.map((preset): Preset => {
    const { spec } = presetNamed(preset)!
    const effect = [...new Set(spec.rules!.map(rule => rule.effect))].join(', ')
    return { name: preset, effect, description: spec.description ?? '' }
  })
  if (action === 'list') {
    if (name !== undefined)
      throw usage('policy preset list takes no name', `see it: sallyport policy preset show ${name}`)
    const document = { apiVersion: API_VERSION, kind: 'PresetList', metadata: { continue: null }, items }
    await context.output.list(document, items, columns, p => `preset/${p.name}`)
    return exitCodes.done
  }
  if (name === undefined || !presetNames.includes(name)) {
    const what = name === undefined ? 'no preset was named' : `there is no preset ${name}`
    throw usage(what, 'see them: sallyport policy preset list')
  }
  await context.output.one(presetNamed(name)!, readPreset(name).trimEnd(), `preset/${name}`)
  return exitCodes.done
}
