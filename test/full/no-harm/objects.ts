import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'

export interface Sample {
  /** Module and file. */
  readonly from: string
  readonly kind: string
  readonly object: unknown
}

const LARGEST_FILE = 512 * 1024

/** Kubernetes objects in the YAML files of a folder; templates and other YAML are left out. */
export function* objectsIn(name: string, folder: string): Iterable<Sample> {
  for (const file of filesIn(folder)) {
    if (!/\.ya?ml$/.test(file) || statSync(file).size > LARGEST_FILE) continue
    const text = readFileSync(file, 'utf8')
    if (!/^apiVersion:/m.test(text) || text.includes('{{')) continue
    for (const document of parseAllDocuments(text, { uniqueKeys: false, logLevel: 'silent' })) {
      if (document.errors.length > 0) continue
      const object = document.toJS({ maxAliasCount: 100 }) as Readonly<Record<string, unknown>> | null
      if (typeof object?.apiVersion !== 'string' || typeof object.kind !== 'string') continue
      if (typeof (object.metadata as { name?: unknown } | undefined)?.name !== 'string') continue
      yield { from: `${name}${file.slice(folder.length)}`, kind: object.kind, object }
    }
  }
}

function* filesIn(folder: string): Iterable<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    if (entry.isDirectory()) yield* filesIn(join(folder, entry.name))
    else if (entry.isFile()) yield join(folder, entry.name)
  }
}

/** Of each kind some, of each object once: a corpus in which no kind and no project drowns the others. */
export function balanced(samples: Iterable<Sample>, perKind: number, perKindAndModule: number): Sample[] {
  const seen = new Set<string>()
  const counts = new Map<string, number>()
  const kept: Sample[] = []
  for (const sample of samples) {
    const text = JSON.stringify(sample.object)
    const both = `${sample.from.split('@')[0]} ${sample.kind}`
    const [ofKind, ofBoth] = [counts.get(sample.kind) ?? 0, counts.get(both) ?? 0]
    if (seen.has(text) || ofKind >= perKind || ofBoth >= perKindAndModule) continue
    seen.add(text)
    counts.set(sample.kind, ofKind + 1)
    counts.set(both, ofBoth + 1)
    kept.push(sample)
  }
  return kept
}
