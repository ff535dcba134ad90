import { exitCodes, Failure } from '../frame/failure.ts'

/** Words for the kinds of documents, in the singular, the plural and short. */
const words: Readonly<Record<string, string>> = {
  channel: 'Channel',
  channels: 'Channel',
  connection: 'Connection',
  connections: 'Connection',
  maskingrule: 'MaskingRules',
  maskingrules: 'MaskingRules',
  masking: 'MaskingRules',
  person: 'Person',
  persons: 'Person',
  people: 'Person',
  policy: 'Policy',
  policies: 'Policy',
  identityprovider: 'IdentityProvider',
  identityproviders: 'IdentityProvider',
  provider: 'IdentityProvider',
  providers: 'IdentityProvider',
  idp: 'IdentityProvider',
}

/** The kind that a person means. A kind that this client does not know yet is passed on as it was typed. */
export async function kindOf(word: string, also: readonly string[] = []): Promise<string> {
  const known = words[word.toLowerCase()]
  if (known !== undefined) return known
  if (/^[A-Z][a-z]+([A-Z][a-z]+)*$/.test(word)) return word
  const { didYouMean } = await import('../../documents/suggest.ts')
  const offered = [
    'channels',
    'connections',
    'policies',
    'identityproviders',
    'maskingrules',
    'persons',
    ...also,
  ]
  throw new Failure({
    exitCode: exitCodes.usage,
    what: `there is no kind ${word}${didYouMean(word, [...Object.keys(words), ...also])}`,
    check: `there is ${offered.join(', ')}`,
  })
}
