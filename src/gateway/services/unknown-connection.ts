import { Refusal } from '../../errors/refusal.ts'

export function unknownConnection(name: string): Refusal {
  return new Refusal('connection-unknown', {
    check: 'connection-name',
    detail: `there is no connection ${name}`,
  })
}
