import type { AuditDetailDocument, AuditItem, AuditList } from '../api/schema/audit.ts'
import { limitOf, readPages } from './client/pages.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes, Failure } from './frame/failure.ts'
import { auditColumns } from './output/audit.ts'

/** Where else a masked value was seen: by its fingerprint, without opening anything. */
export const run: Run = async (context, [call = '', pointer = ''], options) => {
  const client = await context.client()
  const detail = await client.get<AuditDetailDocument>(`/v1/audit/entries/${encodeURIComponent(call)}`)
  const values = detail.bodies.flatMap(body => body.masked ?? []).filter(one => one.pointer === pointer)
  const fingerprint = values.find(one => one.fingerprint !== undefined)?.fingerprint
  if (fingerprint === undefined) {
    throw new Failure({
      exitCode: exitCodes.failed,
      what:
        values.length === 0
          ? `nothing was masked at ${pointer} of ${call}`
          : `the value at ${pointer} of ${call} has no fingerprint: it is too short, or its rule keeps none`,
      next: `see what was masked: sallyport audit show ${call}`,
    })
  }
  const limit = limitOf(text(options, 'limit'))
  const list = await readPages<AuditItem, AuditList>(client, '/v1/audit/entries', { fingerprint }, limit)
  await context.output.list(list, list.items, auditColumns, r => `entry/${r.call}`)
  return exitCodes.done
}
