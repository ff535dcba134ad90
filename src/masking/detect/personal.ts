import { type Detector, exactly, isAlphanumeric, matchAt } from './detector.ts'

const CARD = /[3-6]\d(?:[ -]?\d){10,17}(?![\d-])/y
const IBAN = /[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}/y
const EMAIL = /[A-Za-z0-9._%+-]{0,64}[A-Za-z0-9_%+-]@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}/y
const PHONE = /\+[1-9](?:[ .()-]{0,2}\d){7,14}(?![\d])/y
const SSN = /(\d{3})-(\d{2})-(\d{4})(?![\d-])/y

function personal(
  name: string,
  about: string,
  anchors: readonly string[],
  spanAt: (text: string, at: number) => [number, number] | null,
): Detector {
  return {
    name,
    about,
    personal: true,
    anchors: exactly(...anchors),
    look(text, at, behind, spans) {
      if (at < behind) return
      const span = spanAt(text, at)
      if (span !== null) spans.push(...span)
    },
  }
}

function alone(text: string, at: number): boolean {
  return at === 0 || (!isAlphanumeric(text.charCodeAt(at - 1)) && text[at - 1] !== '.')
}

export const personalData: readonly Detector[] = [
  personal(
    'card-number',
    'payment cards: 12 to 19 digits with a right check digit',
    ['[3-6][0-9][0-9 -][0-9]'],
    (text, at) => {
      if (!alone(text, at) || text[at - 1] === '-') return null
      const found = matchAt(CARD, text, at)
      if (found === null || !luhn(found[0].replace(/\D/g, ''))) return null
      return [at, at + found[0].length]
    },
  ),
  personal('iban', 'bank accounts: IBAN with right check digits', ['[A-Z][A-Z][0-9][0-9]'], (text, at) => {
    if (!alone(text, at)) return null
    const found = matchAt(IBAN, text, at)
    if (found === null) return null
    // The groups may run into a following word: the longest prefix whose check digits are right.
    for (let length = found[0].length; length >= 15; length--) {
      const next = found[0][length]
      if (next !== undefined && next !== ' ') continue
      if (iban(found[0].slice(0, length).replaceAll(' ', ''))) return [at, at + length]
    }
    return null
  }),
  personal('email', 'addresses of e-mail', ['[A-Za-z0-9_%+-]@[A-Za-z0-9]'], (text, at) => {
    let start = at
    while (start > 0 && at - start < 64 && /[A-Za-z0-9._%+-]/.test(text[start - 1]!)) start--
    const found = matchAt(EMAIL, text, start)
    return found === null || start + found[0].length <= at + 2 ? null : [start, start + found[0].length]
  }),
  personal('phone', 'telephone numbers in international form (E.164)', ['+[1-9]'], (text, at) => {
    if (at > 0 && isAlphanumeric(text.charCodeAt(at - 1))) return null
    const found = matchAt(PHONE, text, at)
    return found === null ? null : [at, at + found[0].length]
  }),
  personal('us-ssn', 'social security numbers of the United States', ['[0-9][0-9][0-9]-'], (text, at) => {
    if (!alone(text, at) || text[at - 1] === '-') return null
    const found = matchAt(SSN, text, at)
    if (found === null || /^(?:000|666|9)/.test(found[1]!) || found[2] === '00' || found[3] === '0000')
      return null
    return [at, at + found[0].length]
  }),
]

/** Check digit of ISO/IEC 7812-1; a row of one digit passes it and is no card. */
export function luhn(digits: string): boolean {
  if (digits.length < 12 || /^(\d)\1*$/.test(digits)) return false
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48
    const doubled = i % 2 === 1 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

/** ISO 13616: the number of its letters, the first four moved behind, leaves 1 when divided by 97. */
export function iban(account: string): boolean {
  if (account.length < 15 || account.length > 34) return false
  let rest = 0
  for (const letter of account.slice(4) + account.slice(0, 4)) {
    const value = Number.parseInt(letter, 36)
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return rest === 1
}
