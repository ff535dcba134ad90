import { printable } from '../../audit/sentence.ts'

/** Of a recipient whom the server has not taken. */
export interface Rejected {
  readonly recipient?: string
  readonly responseCode?: number
}

/** Whether the server says that it will never take it. */
export function isForGood({ responseCode }: Rejected): boolean {
  return responseCode !== undefined && responseCode >= 500
}

/** Of these the words are of this machine; of all others those of the server, which may repeat what it was told. */
const OURS = new Set(['ESOCKET', 'ECONNECTION', 'ETIMEDOUT', 'EDNS'])

/** What went wrong with a mail, without anything that was sent. */
export function plainError(error: unknown): Error {
  const { code, responseCode, message } = error as {
    code?: unknown
    responseCode?: unknown
    message?: unknown
  }
  const name = typeof code === 'string' && /^[A-Z_]{2,40}$/.test(code) ? code : 'an error'
  const number = typeof responseCode === 'number' ? ` ${responseCode}` : ''
  const words =
    OURS.has(name) && number === '' && typeof message === 'string'
      ? `: ${printable(message.slice(0, 200))}`
      : ''
  return new Error(`the mail could not be sent: ${name}${number}${words}`)
}
