import type { DocumentServices } from '../../api/services.ts'
import type { AuditLog } from '../../audit/entry.ts'
import { principalFacts } from '../../audit/principal-facts.ts'
import type { Documents } from '../../documents/documents.ts'
import { documentKinds } from '../../documents/kinds.ts'
import { parseDocuments } from '../../documents/parse.ts'
import type { Principal } from '../../identity/principal.ts'

/** The management API's view of the documents. A change is recorded before it takes effect. */
export function documentServices(documents: Documents, log: AuditLog): DocumentServices {
  const record =
    (by: Principal, call: string) =>
    async (
      changes: readonly {
        kind: string
        name: string
        change: string
        before: string | null
        after: string | null
      }[],
    ) => {
      for (const change of changes) {
        if (change.change === 'unchanged') continue
        await log.append({
          call,
          kind: 'document.change',
          phase: 'state',
          session: null,
          effect: null,
          policyDigest: documents.current().digest,
          head: {
            principal: principalFacts(by),
            facts: {
              kind: change.kind,
              name: change.name,
              change: change.change,
              before: change.before,
              after: change.after,
            },
          },
        })
      }
    }
  return {
    history: name => documents.history(name),
    version: (name, number) => documents.version(name, number),
    kinds: () => Object.keys(documentKinds),
    parse(sources) {
      const { documents: found, problems } = parseDocuments(sources)
      return {
        documents: found.map(d => ({ kind: d.document.kind, name: d.document.metadata.name })),
        problems,
      }
    },
    async list(kind, { limit, after }) {
      const all = documents.current().records.filter(r => kind === undefined || r.kind === kind)
      const from = after === undefined ? 0 : all.findIndex(r => `${r.kind}/${r.name}` === after) + 1
      const items = all.slice(from, from + limit)
      const last = items.at(-1)
      const more = from + limit < all.length && last !== undefined
      return more ? { items, next: `${last.kind}/${last.name}` } : { items }
    },
    get: async (kind, name) => documents.current().get(kind, name),
    apply: (by, call, request) =>
      documents.apply({ ...request, by: by.username, beforeCommit: record(by, call) }),
    async remove(by, call, ref, version) {
      const key = `${ref.kind}/${ref.name}`
      const changes = await documents.apply({
        sources: [],
        remove: [ref],
        dryRun: false,
        by: by.username,
        ...(version === undefined ? {} : { versions: { [key]: version } }),
        beforeCommit: record(by, call),
      })
      return changes[0]!
    },
  }
}
