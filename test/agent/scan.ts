import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { readUnlessGone } from '../e2e/read-unless-gone.ts'

/** One way in which a secret can lie somewhere. */
export interface Form {
  readonly name: string
  readonly bytes: Buffer
}

/**
 * A secret as it stands, in base64 at each of the three places in a longer text where it can begin, percent-encoded,
 * in hexadecimal and in UTF-16. Printable ASCII, at least 24 characters.
 */
export function formsOf(secret: string, label = ''): Form[] {
  const bytes = Buffer.from(secret, 'latin1')
  const percent = [...bytes].map(byte => `%${byte.toString(16).padStart(2, '0')}`).join('')
  const texts: [string, string][] = [
    ['percent-encoded', percent],
    ['percent-encoded, upper case', percent.toUpperCase()],
    ['percent-encoded where needed', encodeURIComponent(secret)],
    ['hexadecimal', bytes.toString('hex')],
    ['hexadecimal, upper case', bytes.toString('hex').toUpperCase()],
  ]
  for (const offset of [0, 1, 2]) {
    const encoded = inBase64(bytes, offset)
    texts.push([`base64 at ${offset}`, encoded])
    texts.push([`base64url at ${offset}`, encoded.replaceAll('+', '-').replaceAll('/', '_')])
  }
  const little = Buffer.from(secret, 'utf16le')
  const forms: Form[] = [
    { name: 'clear', bytes },
    ...texts.map(([name, text]) => ({ name, bytes: Buffer.from(text) })),
    { name: 'UTF-16 little-endian', bytes: little },
    { name: 'UTF-16 big-endian', bytes: Buffer.from(little).swap16() },
  ]
  const distinct = forms.filter((form, i) => forms.findIndex(other => other.bytes.equals(form.bytes)) === i)
  return distinct.map(form => ({ name: `${label} ${form.name}`.trim(), bytes: form.bytes }))
}

/** The characters of base64 that depend on `bytes` alone when `offset` (mod 3) other bytes come before. */
function inBase64(bytes: Buffer, offset: number): string {
  const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
  const first = Math.ceil((offset * 8) / 6)
  const last = Math.floor(((offset + bytes.length) * 8) / 6)
  return encoded.slice(first, last)
}

/** Names of the forms that are in `bytes`. */
export function found(bytes: Buffer, forms: readonly Form[]): string[] {
  return forms.filter(form => bytes.includes(form.bytes)).map(form => form.name)
}

/** The forms that lie in files below a directory, as `file: form`; file names are looked at too. */
export function scanDirectory(directory: string, forms: readonly Form[]): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).flatMap(entry => {
    const path = join(entry.parentPath, entry.name)
    const inside = entry.isFile() ? found(readUnlessGone(path), forms) : []
    return [...inside, ...found(Buffer.from(path), forms)].map(form => `${path}: ${form}`)
  })
}

export interface MemoryScan {
  readonly found: readonly string[]
  /** Bytes that were searched: what a core dump of the process would hold, less empty pages. */
  readonly bytes: number
}

/** Looks through all readable memory of a process (Linux): heap, stacks, libraries, buffers, its environment. */
export function scanMemory(pid: number, forms: readonly Form[]): MemoryScan {
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  const overlap = Math.max(...forms.map(form => form.bytes.length))
  const window = Buffer.alloc(1024 * 1024)
  const hits = new Set<string>()
  let bytes = 0
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const [, from, to, rights = '', name = ''] =
        /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$/.exec(line) ?? []
      // The kernel's own pages cannot be read this way, and hold nothing of the process.
      if (from === undefined || !rights.startsWith('r') || /^\[(vvar|vsyscall)/.test(name)) continue
      const end = Number.parseInt(to!, 16)
      for (let at = Number.parseInt(from, 16); at < end; at += window.length - overlap) {
        const length = readAt(memory, window, Math.min(window.length, end - at), at)
        // Most of what a runtime reserves was never written to.
        if (window.compare(ZEROS, 0, length, 0, length) === 0) continue
        bytes += length
        for (const hit of found(window.subarray(0, length), forms)) hits.add(hit)
      }
    }
  } finally {
    closeSync(memory)
  }
  return { found: [...hits], bytes }
}

const ZEROS = Buffer.alloc(1024 * 1024)

/** 0 where a page was given back since the map was read. */
function readAt(file: number, window: Buffer, length: number, at: number): number {
  try {
    return readSync(file, window, 0, length, at)
  } catch {
    return 0
  }
}
