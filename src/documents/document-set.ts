import { digestDocuments, documentKey } from './canonical.ts'
import type { ConfigDocument, DocumentKind } from './kinds.ts'
import type { LocatedDocument } from './parse.ts'
import type { Problem } from './problem.ts'

export interface DocumentRef {
  readonly kind: string
  readonly name: string
}

/** A document and who owns it. Documents of a directory are read-only for everybody but that directory. */
export interface DocumentRecord extends DocumentRef {
  readonly document: ConfigDocument
  /** Of the store; 1 for a file. */
  readonly version: number
  readonly source: 'api' | 'file'
  readonly file?: string
  /** Milliseconds since the epoch. */
  readonly updatedAt?: number
  readonly located: LocatedDocument
}

/** Everything that is configured at one moment. Immutable. */
export interface DocumentSet {
  /** Sorted by kind and name. */
  readonly records: readonly DocumentRecord[]
  readonly digest: string
  get(kind: string, name: string): DocumentRecord | undefined
  ofKind<K extends DocumentKind>(kind: K): readonly Extract<ConfigDocument, { kind: K }>[]
}

/** Files and store together. A name in both is a problem, and the file wins: a store must not shadow what was deployed. */
export function mergeDocuments(
  files: readonly DocumentRecord[],
  stored: readonly DocumentRecord[],
): { set: DocumentSet; problems: Problem[] } {
  const byKey = new Map<string, DocumentRecord>()
  const problems: Problem[] = []
  for (const record of [...files, ...stored]) {
    const key = documentKey(record.document)
    const first = byKey.get(key)
    if (first === undefined) {
      byKey.set(key, record)
      continue
    }
    problems.push({
      file: record.located.file,
      ...record.located.start,
      path: 'metadata.name',
      message: `${key} is also in ${first.file ?? first.located.file}: remove one of the two`,
      severity: 'error',
    })
  }
  return { set: documentSet([...byKey.values()]), problems }
}

export function documentSet(records: readonly DocumentRecord[]): DocumentSet {
  const byKey = new Map(records.map(r => [documentKey(r.document), r]))
  const sorted = [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, r]) => r)
  return {
    records: sorted,
    digest: digestDocuments(sorted.map(r => r.document)),
    get: (kind, name) => byKey.get(`${kind}/${name}`),
    ofKind: kind => sorted.map(r => r.document).filter(d => d.kind === kind) as never,
  }
}
