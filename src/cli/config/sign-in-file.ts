import { createHash } from 'node:crypto'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { API_VERSION } from '../../brand.ts'
import type { Paths } from './paths.ts'
import { readJson, replacePrivately } from './private-file.ts'

/** A sign-in as it lies in the state directory, mode 0600. */
export interface StoredSignIn {
  readonly token: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  readonly username: string
  readonly issuer: string
  readonly subject: string
}

/** Tokens of one gateway; origins are hashed so that any of them makes a file name. */
export function gatewayFolder(paths: Paths, server: string): string {
  return join(paths.state, 'gateways', createHash('sha256').update(server).digest('hex').slice(0, 24))
}

export function signInFile(paths: Paths, server: string): string {
  return join(gatewayFolder(paths, server), 'sign-in.json')
}

/** The sign-in for this gateway, while it is valid. */
export function readSignIn(paths: Paths, server: string, now: number): StoredSignIn | undefined {
  const value = readJson(signInFile(paths, server))
  if (value === undefined || value.server !== server) return undefined
  const { token, expiresAt, username, issuer, subject } = value
  if (typeof token !== 'string' || typeof expiresAt !== 'number' || expiresAt <= now) return undefined
  return {
    token,
    expiresAt,
    username: String(username ?? ''),
    issuer: String(issuer ?? ''),
    subject: String(subject ?? ''),
  }
}

/** Replaces the sign-in and forgets the sessions that the previous one opened. */
export function writeSignIn(paths: Paths, server: string, signIn: StoredSignIn): void {
  forgetSessions(paths, server)
  const document = { apiVersion: API_VERSION, kind: 'StoredSignIn', server, ...signIn }
  replacePrivately(signInFile(paths, server), `${JSON.stringify(document)}\n`)
}

/** Deletes the tokens of the sign-in and of its sessions from this machine; returns how many files there were. */
export function forgetSignIn(paths: Paths, server: string): number {
  const file = signInFile(paths, server)
  const there = existsSync(file) ? 1 : 0
  rmSync(file, { force: true })
  return there + forgetSessions(paths, server)
}

export interface StoredSession {
  readonly token: string
  readonly id: string
  readonly expiresAt: number
  /** Milliseconds without a request after which the gateway ends it. */
  readonly idle: number
  /** When a caller last asked for it. */
  readonly usedAt: number
  /** Digest of the sign-in that opened it: another sign-in opens its own. */
  readonly openedBy: string
  /** Processes that were given it last: whoever asks twice may have been refused with it. */
  readonly givenTo: readonly number[]
}

export function sessionFile(paths: Paths, server: string, connection: string): string {
  const name = createHash('sha256').update(connection).digest('hex').slice(0, 24)
  return join(gatewayFolder(paths, server), 'sessions', `${name}.json`)
}

export function readSession(file: string): StoredSession | undefined {
  const value = readJson(file)
  if (value === undefined) return undefined
  const { token, id, expiresAt, idle, usedAt, openedBy } = value
  if (typeof token !== 'string' || typeof id !== 'string' || typeof openedBy !== 'string') return undefined
  if (typeof expiresAt !== 'number' || typeof idle !== 'number' || typeof usedAt !== 'number')
    return undefined
  const givenTo = Array.isArray(value.givenTo) ? value.givenTo.filter(pid => typeof pid === 'number') : []
  return { token, id, expiresAt, idle, usedAt, openedBy, givenTo }
}

export function writeSession(file: string, session: StoredSession): void {
  replacePrivately(file, `${JSON.stringify(session)}\n`)
}

export function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}

/** Forgets the tokens of all sessions with this gateway, or of the one with this id. */
export function forgetSessions(paths: Paths, server: string, id?: string): number {
  const sessions = join(gatewayFolder(paths, server), 'sessions')
  let names: string[]
  try {
    names = readdirSync(sessions)
  } catch {
    return 0
  }
  let forgotten = 0
  for (const name of names) {
    if (!name.endsWith('.json')) continue
    const file = join(sessions, name)
    if (id !== undefined && readSession(file)?.id !== id) continue
    rmSync(file, { force: true })
    forgotten += 1
  }
  return forgotten
}
