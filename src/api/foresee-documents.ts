import { type Foresight, foreseeText } from '../approvals/foresight.ts'
import { diffText } from '../documents/diff.ts'
import type { Judged } from './access.ts'
import type { ApiServices, DocumentRef, SourceText } from './services.ts'

/** The difference that a change of documents would make; documents hold no secrets, only references. */
export async function foreseeDocuments(
  { principal }: Judged,
  { documents, newCallId }: ApiServices,
  sources: readonly SourceText[],
  remove: readonly DocumentRef[],
): Promise<Foresight> {
  if (sources.length === 0 && remove.length === 0) return foreseeText('')
  const request = { sources, remove, dryRun: true, versions: {} }
  const changes = await documents.apply(principal, newCallId(), request)
  return foreseeText(changes.map(c => diffText(c.before, c.after, `${c.kind}/${c.name}`)).join(''))
}
