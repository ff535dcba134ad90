import { isAbsolute } from 'node:path'
import type { AwsKmsChoice, KeyEncryptionChoice, VaultTransitChoice } from './key-encryption-choice.ts'

const FORMS =
  'the key-encryption key is named as file:/path, aws-kms:KEY?region=REGION or vault:https://HOST:8200/MOUNT/KEY?token=/path'

/** `--key-encryption` or `SALLYPORT_KEY_ENCRYPTION`; undefined when neither is given. Throws an Error that says what is wrong. */
export function chooseKeyEncryption(
  word: string | undefined,
  env: NodeJS.ProcessEnv,
  variable = 'SALLYPORT_KEY_ENCRYPTION',
): KeyEncryptionChoice | undefined {
  const text = word ?? (env[variable] === '' ? undefined : env[variable])
  return text === undefined ? undefined : parseKeyEncryption(text)
}

export function parseKeyEncryption(text: string): KeyEncryptionChoice {
  const colon = text.indexOf(':')
  const rest = text.slice(colon + 1)
  switch (text.slice(0, Math.max(0, colon))) {
    case 'file':
      return { file: wholePath('the key file', rest) }
    case 'aws-kms':
      return { awsKms: awsKms(rest) }
    case 'vault':
      return { vault: vault(rest) }
    default:
      throw new Error(FORMS)
  }
}

function awsKms(text: string): AwsKmsChoice {
  const question = text.indexOf('?')
  const keyId = question < 0 ? text : text.slice(0, question)
  const given = parameters(question < 0 ? '' : text.slice(question + 1), ['region', 'endpoint'])
  if (!/^[A-Za-z0-9:/_-]{1,2048}$/.test(keyId)) {
    throw new Error('aws-kms: takes the ARN, the id or alias/NAME of a key')
  }
  const region = given.region ?? /^arn:[a-z-]+:kms:([a-z0-9-]+):\d+:/.exec(keyId)?.[1]
  if (region !== undefined && !/^[a-z0-9-]{1,40}$/.test(region))
    throw new Error('aws-kms: has no such region')
  if (given.endpoint !== undefined) serverUrl('the endpoint of aws-kms:', given.endpoint)
  return {
    keyId,
    ...(region === undefined ? {} : { region }),
    ...(given.endpoint === undefined ? {} : { endpoint: given.endpoint }),
  }
}

function vault(text: string): VaultTransitChoice {
  const url = serverUrl('vault:', text)
  const given = parameters(url.search.slice(1), ['token', 'ca', 'namespace'])
  const path = /^\/((?:[\w.-]+\/)+)([\w.-]+)$/.exec(url.pathname)
  if (path === null || url.pathname.includes('..')) {
    throw new Error(
      'vault: takes https://HOST:8200/MOUNT/KEY: mount point of the transit engine and name of the key',
    )
  }
  if (given.token === undefined) throw new Error('vault: needs token=/path, a file that holds the token')
  if (given.namespace !== undefined && !/^[\w./-]{1,256}$/.test(given.namespace)) {
    throw new Error('vault: has no such namespace')
  }
  return {
    address: url.origin,
    mount: path[1]!.slice(0, -1),
    key: path[2]!,
    tokenFile: wholePath('the token file of vault:', given.token),
    ...(given.ca === undefined ? {} : { caFile: wholePath('the CA file of vault:', given.ca) }),
    ...(given.namespace === undefined ? {} : { namespace: given.namespace }),
  }
}

/** Keys and tokens go there: encrypted, or no farther than this machine. Throws with nothing of the URL but its host. */
export function serverUrl(what: string, text: string): URL {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new Error(`${what} takes https://…`)
  }
  if (url.username !== '' || url.password !== '') {
    throw new Error(`${what} holds a password, which others can read there`)
  }
  const isHere =
    url.hostname === 'localhost' || url.hostname === '[::1]' || /^127(?:\.\d+){3}$/.test(url.hostname)
  if (url.protocol === 'http:' && !isHere) throw new Error(`${what} must be https: keys go to ${url.host}`)
  return url
}

function parameters<Name extends string>(
  query: string,
  names: readonly Name[],
): Partial<Record<Name, string>> {
  const given: Partial<Record<Name, string>> = {}
  for (const [name, value] of new URLSearchParams(query)) {
    const known = names.find(one => one === name)
    if (known === undefined)
      throw new Error(`the key-encryption key has no parameter ${name}: there are ${names.join(', ')}`)
    if (given[known] !== undefined) throw new Error(`the key-encryption key has ${name} twice`)
    given[known] = value
  }
  return given
}

function wholePath(what: string, path: string): string {
  if (!isAbsolute(path)) throw new Error(`${what} is given with its whole path`)
  return path
}
