import type { FuzzTarget } from '../target.ts'

/** Loaded one by one: each target brings its own part of the product with it. */
const targets: Readonly<Record<string, () => Promise<{ readonly target: FuzzTarget }>>> = {
  parser: () => import('./parser.ts'),
  json: () => import('./json.ts'),
  yaml: () => import('./yaml.ts'),
  protobuf: () => import('./protobuf.ts'),
  http: () => import('./http.ts'),
  policy: () => import('./policy.ts'),
  'masking-rules': () => import('./masking-rules.ts'),
  'masking-json': () => import('./masking-json.ts'),
  'masking-text': () => import('./masking-text.ts'),
  'object-filter': () => import('./object-filter.ts'),
  'tunnel-frames': () => import('./tunnel-frames.ts'),
  'tunnel-peer': () => import('./tunnel-peer.ts'),
  search: () => import('./search.ts'),
  recovery: () => import('./recovery.ts'),
  verify: () => import('./verify.ts'),
  'cluster-events': () => import('./cluster-events.ts'),
  notes: () => import('./notes.ts'),
  tokens: () => import('./tokens.ts'),
  webhook: () => import('./webhook.ts'),
  channels: () => import('./channels.ts'),
}

export const targetNames: readonly string[] = Object.keys(targets)

export async function loadTarget(name: string): Promise<FuzzTarget> {
  const load = Object.hasOwn(targets, name) ? targets[name] : undefined
  if (load === undefined) throw new RangeError(`no target ${name}; there are ${targetNames.join(', ')}`)
  return (await load()).target
}
