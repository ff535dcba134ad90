import type { ApprovalMessage } from '../approvals/message.ts'

/** In which state it is, for a headline. */
export function stepWords({ state }: Pick<ApprovalMessage, 'state'>): string {
  switch (state) {
    case 'pending':
      return 'Waits for an approval'
    case 'approved':
      return 'Approved'
    case 'denied':
      return 'Denied'
    case 'expired':
      return 'Nobody decided in time'
    case 'cancelled':
      return 'Taken back'
  }
}
