import { randomBytes, randomInt } from 'node:crypto'

/** A secret of known random value, and where it was put. */
export interface Canary {
  readonly id: string
  readonly way: string
  /** Letters and digits; the value holds them, perhaps with more around. */
  readonly core: string
  /** Null: the shipped rules hide it. Else why they cannot. */
  readonly outOfReach: string | null
}

/** What is to be put into the cluster for canaries. Names are unique in the plant. */
export interface Plant {
  readonly canaries: Canary[]
  /** Created as they are. */
  readonly objects: object[]
  /** By `kubectl apply`, which keeps a copy in an annotation. */
  readonly applied: object[]
  /** Values of the one Secret that is read first: from then on they are known wherever they stand. */
  readonly known: Record<string, string>
  /** Lines of a shell that prints the log. */
  readonly log: string[]
  /** Names of pods, and what their containers said when they ended. */
  readonly ended: Record<string, string>
}

export function emptyPlant(): Plant {
  return { canaries: [], objects: [], applied: [], known: {}, log: [], ended: {} }
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** Random letters, with at least a digit, a capital and a small letter, as generators of passwords make them. */
export function randomCore(length = 24): string {
  for (;;) {
    const core = Array.from({ length }, () => LETTERS[randomInt(LETTERS.length)]).join('')
    if (/\d/.test(core.slice(0, 12)) && /[A-Z]/.test(core.slice(0, 12)) && /[a-z]/.test(core)) return core
  }
}

/** Small letters only. */
export function lowercaseCore(length = 24): string {
  return Array.from({ length }, () => LETTERS[26 + randomInt(26)]).join('')
}

export const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString('base64')

/** A key in PEM. Its letters are random, and put together here: no scanner of repositories finds it. */
export function pem(core: string, type = 'RSA PRIVATE KEY'): string {
  const body = base64(randomBytes(300)).match(/.{1,64}/g)!
  body[2] = core + body[2]!.slice(core.length)
  const edge = (word: string): string => `${'-'.repeat(5)}${word} ${type}${'-'.repeat(5)}`
  return `${edge('BEGIN')}\n${body.join('\n')}\n${edge('END')}\n`
}

export function jwt(core: string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = { iss: 'https://issuer.example.com', sub: 'shop', exp: 1_900_000_000 }
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.${core}${randomBytes(48).toString('base64url')}`
}

export function kubeconfig(core: string): string {
  const user = { token: core, 'client-certificate-data': base64('certificate') }
  return [
    'apiVersion: v1',
    'kind: Config',
    'clusters:',
    '- name: far',
    '  cluster: {server: "https://far.example.com:6443"}',
    'users:',
    '- name: admin',
    '  user:',
    `    token: ${user.token}`,
    '',
  ].join('\n')
}
