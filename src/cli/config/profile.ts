import { join } from 'node:path'
import { API_VERSION } from '../../brand.ts'
import { exitCodes, Failure } from '../frame/failure.ts'
import type { Paths } from './paths.ts'
import { readIfThere, replacePrivately } from './private-file.ts'

export interface GatewayProfile {
  /** Origin. */
  readonly server: string
  readonly caFile?: string
}

export interface Profile {
  /** Name of the gateway that commands mean when nothing else says so. */
  readonly current?: string
  readonly gateways: Readonly<Record<string, GatewayProfile>>
}

export function profileFile(paths: Paths): string {
  return join(paths.config, 'profile.json')
}

/** An absent file is an empty profile; a broken one is an error, because it may hold which gateway to trust. */
export function readProfile(paths: Paths): Profile {
  const file = profileFile(paths)
  const text = readIfThere(file)
  if (text === undefined) return { gateways: {} }
  const broken = (why: string): Failure =>
    new Failure({
      exitCode: exitCodes.usage,
      what: `the profile ${file} ${why}`,
      next: 'correct it, or move it away and sign in again: sallyport login --gateway URL',
    })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw broken('is not JSON')
  }
  const { gateways, current } = (value ?? {}) as { gateways?: unknown; current?: unknown }
  if (typeof gateways !== 'object' || gateways === null) throw broken('has no `gateways`')
  const known: Record<string, GatewayProfile> = Object.create(null)
  for (const [name, entry] of Object.entries(gateways)) {
    const { server, caFile } = (entry ?? {}) as { server?: unknown; caFile?: unknown }
    if (typeof server !== 'string') throw broken(`has no server for gateway ${name}`)
    known[name] = typeof caFile === 'string' ? { server, caFile } : { server }
  }
  return typeof current === 'string' ? { current, gateways: known } : { gateways: known }
}

export function writeProfile(paths: Paths, profile: Profile): void {
  const document = { apiVersion: API_VERSION, kind: 'Profile', ...profile }
  replacePrivately(profileFile(paths), `${JSON.stringify(document, null, 2)}\n`)
}

/** Adds or replaces one gateway and makes it the current one. */
export function rememberGateway(paths: Paths, name: string, gateway: GatewayProfile): void {
  const profile = readProfile(paths)
  writeProfile(paths, { current: name, gateways: { ...profile.gateways, [name]: gateway } })
}
