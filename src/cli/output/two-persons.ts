import type { HoldItem, RevealItem, ShredItem } from '../../api/schema/reveals.ts'
import { factLines } from './facts.ts'
import type { Column } from './table.ts'
import { shortTime } from './time.ts'

export const revealColumns: readonly Column<RevealItem>[] = [
  { title: 'ID', value: r => r.id },
  { title: 'STATE', value: r => r.state },
  { title: 'UNTIL (UTC)', value: r => shortTime(r.until) },
  { title: 'SCOPE', value: r => scopeText(r.scope), least: 20, middle: true },
  { title: 'ASKED BY', value: r => r.requester.username, least: 10 },
  { title: 'APPROVED BY', value: r => r.approver?.username ?? '', least: 10 },
  { title: 'TICKET', value: r => r.ticket, least: 8 },
  { title: 'REASON', value: r => r.reason, wide: true },
]

export const shredColumns: readonly Column<ShredItem>[] = [
  { title: 'ID', value: r => r.id },
  { title: 'STATE', value: r => r.state },
  { title: 'KEY', value: r => r.epoch },
  { title: 'ASKED BY', value: r => r.requester.username, least: 10 },
  { title: 'APPROVED BY', value: r => r.approver?.username ?? '', least: 10 },
  { title: 'REASON', value: r => r.reason, wide: true },
]

export const holdColumns: readonly Column<HoldItem>[] = [
  { title: 'ID', value: r => r.id },
  { title: 'WHAT', value: r => holdText(r.scope), least: 20, middle: true },
  { title: 'SINCE (UTC)', value: r => shortTime(r.at) },
  { title: 'BY', value: r => r.by.username, least: 10 },
  { title: 'REASON', value: r => r.reason, wide: true },
]

export function scopeText(scope: RevealItem['scope']): string {
  if ('session' in scope) return `session ${scope.session}`
  return 'pointer' in scope ? `${scope.pointer} of ${scope.call}` : scope.call
}

export function holdText(scope: HoldItem['scope']): string {
  if ('day' in scope) return `day ${scope.day}`
  return 'session' in scope ? `session ${scope.session}` : `${scope.subject} of ${scope.issuer}`
}

export function revealText(r: RevealItem): string {
  return factLines([
    ['Reveal', r.id],
    ['State', r.state],
    ['Scope', scopeText(r.scope)],
    ['Values of', r.of.map(one => one.username).join(', ') || undefined],
    ['Asked by', r.requester.username],
    ['Reason', r.reason],
    ['Ticket', r.ticket],
    ['Approved by', r.approver?.username],
    ['Until', `${shortTime(r.until)} UTC`],
  ])
}

export function shredText(r: ShredItem): string {
  return factLines([
    ['Shred', r.id],
    ['State', r.state],
    ['Key', r.epoch],
    ['Asked by', r.requester.username],
    ['Reason', r.reason],
    [r.state === 'denied' ? 'Denied by' : 'Approved by', r.approver?.username],
  ])
}
