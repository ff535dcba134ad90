import type { StateStore, Stored } from '../store/store.ts'
import { documentKey, toYaml } from './canonical.ts'
import type { DocumentRecord } from './document-set.ts'
import type { ConfigDocument } from './kinds.ts'
import { parseDocuments } from './parse.ts'
import type { Problem } from './problem.ts'

export const STORE_KIND = 'document'

export interface StoredDocument {
  readonly document: ConfigDocument
  /** Milliseconds since the epoch. */
  readonly updatedAt: number
}

/**
 * All documents of the store, validated again: a newer version of the gateway may ask for more than the one that
 * wrote them. Positions are those of the document as `sallyport get -o yaml` prints it.
 */
export async function loadStored(
  store: StateStore,
): Promise<{ records: DocumentRecord[]; problems: Problem[] }> {
  const records: DocumentRecord[] = []
  const problems: Problem[] = []
  let after: string | undefined
  for (;;) {
    const page = await store.list<StoredDocument>(STORE_KIND, after === undefined ? {} : { after })
    for (const stored of page) {
      const parsed = storedRecord(stored)
      if ('record' in parsed) records.push(parsed.record)
      else problems.push(...parsed.problems)
    }
    const last = page.at(-1)
    if (last === undefined) return { records, problems }
    after = last.key
  }
}

function storedRecord(
  stored: Stored<StoredDocument>,
): { record: DocumentRecord } | { problems: readonly Problem[] } {
  const file = `store:${stored.key}`
  const { documents, problems } = parseDocuments([{ file, text: toYaml(stored.value.document) }])
  const located = documents[0]
  if (located === undefined || documentKey(located.document) !== stored.key) {
    const message = 'is not a document of this name'
    return {
      problems:
        problems.length > 0 ? problems : [{ file, line: 1, column: 1, path: '', message, severity: 'error' }],
    }
  }
  return {
    record: {
      kind: located.document.kind,
      name: located.document.metadata.name,
      document: located.document,
      version: stored.version,
      source: 'api',
      updatedAt: stored.value.updatedAt,
      located,
    },
  }
}
