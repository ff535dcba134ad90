import type { ChannelLinkFacts } from '../../api/schema/channels.ts'
import type { Column } from './table.ts'
import { shortTime } from './time.ts'

export const linkColumns: readonly Column<ChannelLinkFacts>[] = [
  { title: 'ID', value: one => one.id },
  { title: 'CHANNEL', value: one => one.channel },
  { title: 'ACCOUNT', value: one => one.account.name, least: 12 },
  { title: 'IS', value: one => one.principal.username, least: 12 },
  { title: 'SIGNED IN (UTC)', value: one => shortTime(one.signedInAt) },
  { title: 'ACCOUNT ID', value: one => one.account.id, wide: true },
  { title: 'LINKED (UTC)', value: one => shortTime(one.linkedAt), wide: true },
]
