import type { AuditItem } from '../../api/schema/audit.ts'
import type { Column } from './table.ts'
import { shortTime } from './time.ts'

export const auditColumns: readonly Column<AuditItem>[] = [
  { title: 'TIME (UTC)', value: r => shortTime(r.time).slice(5), until: 100 },
  { title: 'TIME (UTC)', value: r => shortTime(r.time), from: 100 },
  { title: 'WHAT', value: r => r.sentence, least: 40, middle: true },
  { title: 'REQUEST', value: r => r.call, from: 120 },
  { title: 'SESSION', value: r => r.session ?? '', wide: true },
]

/** Filters as the API takes them, from the options of `audit search` and `audit tail`. */
export const filterOptions = {
  principal: 'user',
  connection: 'connection',
  verb: 'verb',
  resource: 'resource',
  namespace: 'namespace',
  name: 'name',
  effect: 'decision',
  rule: 'rule',
  code: 'status',
  session: 'session',
  kind: 'kind',
  text: 'text',
  maskedBy: 'maskedBy',
  fingerprint: 'fingerprint',
} as const
