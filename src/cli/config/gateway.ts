import { isAbsolute, resolve } from 'node:path'
import { exitCodes, Failure, usage } from '../frame/failure.ts'
import type { Paths } from './paths.ts'
import { readIfThere } from './private-file.ts'
import { profileFile, readProfile } from './profile.ts'

/** Which gateway, and what decided: flag before environment before profile. */
export interface ChosenGateway {
  /** Short name for contexts and lists. */
  readonly name: string
  /** Origin, `https://host:port`. */
  readonly server: string
  readonly from: string
  readonly caFile?: string
  readonly caFrom?: string
  /** PEM; absent: the trust store of Node. */
  readonly ca?: string
}

export interface GatewayFlags {
  /** Name in the profile, or URL. */
  readonly gateway?: string | undefined
  readonly caFile?: string | undefined
}

export function chooseGateway(flags: GatewayFlags, env: NodeJS.ProcessEnv, paths: Paths): ChosenGateway {
  const profile = readProfile(paths)
  const [wanted, from] =
    flags.gateway !== undefined
      ? [flags.gateway, '--gateway']
      : env.SALLYPORT_GATEWAY !== undefined && env.SALLYPORT_GATEWAY !== ''
        ? [env.SALLYPORT_GATEWAY, 'SALLYPORT_GATEWAY']
        : [profile.current, profileFile(paths)]
  if (wanted === undefined) {
    throw new Failure({
      exitCode: exitCodes.usage,
      what: 'no gateway is chosen',
      check: 'looked at --gateway, SALLYPORT_GATEWAY and the profile',
      next: 'sign in to one, or start your own with: sallyport up',
    })
  }
  const named = profile.gateways[wanted]
  const server = named?.server ?? originOf(wanted, Object.keys(profile.gateways))
  const known = named ?? Object.values(profile.gateways).find(entry => entry.server === server)
  const name = Object.entries(profile.gateways).find(([, entry]) => entry.server === server)?.[0]
  const [caFile, caFrom] =
    flags.caFile !== undefined
      ? [flags.caFile, '--ca-file']
      : env.SALLYPORT_CA_FILE !== undefined && env.SALLYPORT_CA_FILE !== ''
        ? [env.SALLYPORT_CA_FILE, 'SALLYPORT_CA_FILE']
        : [known?.caFile, profileFile(paths)]
  return {
    name: name ?? nameOf(server),
    server,
    from,
    ...(caFile === undefined ? {} : { caFile: absolute(caFile), caFrom, ca: readCa(caFile, caFrom) }),
  }
}

/** The origin of a gateway's URL. Tokens travel there, so plain HTTP is no choice. */
export function originOf(value: string, known: readonly string[] = []): string {
  let url: URL
  try {
    url = new URL(value.includes('://') ? value : `https://${value}`)
  } catch {
    throw usage(`${value} is neither a URL nor a gateway of the profile`, knownNames(known))
  }
  if (!value.includes('://') && !/[.:]/.test(value) && value !== 'localhost') {
    throw usage(`there is no gateway ${value} in the profile`, knownNames(known))
  }
  if (url.protocol !== 'https:')
    throw usage(`a gateway is reached over https, not ${url.protocol.slice(0, -1)}`)
  if (url.username !== '' || url.password !== '')
    throw usage('a gateway URL carries no user name or password')
  return url.origin
}

function knownNames(known: readonly string[]): string {
  return known.length === 0
    ? 'sign in to one: sallyport login --gateway URL'
    : `the profile has ${known.join(', ')}`
}

/** `127.0.0.1:8443` becomes `127-0-0-1-8443`: a name for contexts and files. */
export function nameOf(server: string): string {
  const { host } = new URL(server)
  return host
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
}

function absolute(path: string): string {
  return isAbsolute(path) ? path : resolve(path)
}

function readCa(path: string, from: string | undefined): string {
  const pem = readIfThere(path)
  if (pem === undefined) throw usage(`the CA file ${path} (${from}) does not exist`)
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw usage(`${path} (${from}) holds no PEM certificate`)
  return pem
}
