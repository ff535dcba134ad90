import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'

/** A P-256 key pair's private half. */
export function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
}

export function keyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string
}

/** Undefined when there is no such file; any other fault is thrown. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Reads the key at `path`, or makes one, readable by its owner only. Two processes at once agree on one key. */
export function openKey(path: string): KeyObject {
  const found = readIfThere(path)
  if (found !== undefined) return createPrivateKey(found)
  const part = writePart(path, keyPem(newKey()), 0o600)
  try {
    // Unlike rename, link never replaces a key that another process has just made.
    linkSync(part, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(part, { force: true })
  }
  return createPrivateKey(readFileSync(path, 'utf8'))
}

/** Whole or not at all, also after a power cut. */
export function replaceFile(path: string, text: string, mode: number): void {
  renameSync(writePart(path, text, mode), path)
}

function writePart(path: string, text: string, mode: number): string {
  const part = `${path}.${process.pid}.part`
  rmSync(part, { force: true })
  const file = openSync(part, 'wx', mode)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  return part
}
