import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Files, LogFile } from '../files/files.ts'

/** A disk in memory, to be copied, damaged and made to fail. */
export interface MemoryDisk extends Files {
  readonly content: Map<string, Buffer>
  /** Called before each write and sync; a throw or a promise that never resolves is the fault. */
  fault: ((operation: 'write' | 'sync', path: string) => void | Promise<void>) | null
  /** What `space` says; nothing is enforced. */
  room: { free: number; total: number }
  copy(): MemoryDisk
  /** Writes the files below `from` to a real directory. */
  dump(from: string, to: string): void
}

export function memoryDisk(content = new Map<string, Buffer>()): MemoryDisk {
  const locked = new Set<string>()
  const lengths = new Map<string, number>()
  const missing = (path: string) => Object.assign(new Error(`no such file: ${path}`), { code: 'ENOENT' })

  // Files grow in steps, so that many small appends do not copy the whole each time.
  const bytesOf = (path: string) =>
    content.get(path)!.subarray(0, lengths.get(path) ?? content.get(path)!.length)

  function put(path: string, buffers: readonly Uint8Array[], position: number): void {
    const bytes = Buffer.concat(buffers)
    const old = bytesOf(path)
    const length = Math.max(old.length, position + bytes.length)
    let room = content.get(path)!
    if (room.length < length) {
      room = Buffer.alloc(length * 2)
      old.copy(room)
      content.set(path, room)
    }
    bytes.copy(room, position)
    lengths.set(path, length)
  }

  function handle(opened: string): LogFile {
    let path = opened
    names.set(path, [...(names.get(path) ?? []), to => (path = to)])
    return {
      async read(into, position) {
        const bytes = bytesOf(path)
        return position >= bytes.length ? 0 : bytes.copy(into, 0, position)
      },
      async write(buffers, position) {
        await self.fault?.('write', path)
        put(path, buffers, position)
      },
      async writeSynced(buffers, position) {
        await self.fault?.('write', path)
        put(path, buffers, position)
        await self.fault?.('sync', path)
      },
      async truncate(length) {
        content.set(path, Buffer.from(bytesOf(path).subarray(0, length)))
        lengths.delete(path)
      },
      async datasync() {
        await self.fault?.('sync', path)
      },
      async size() {
        return bytesOf(path).length
      },
      async close() {},
    }
  }
  const names = new Map<string, ((to: string) => void)[]>()

  const self: MemoryDisk = {
    content,
    fault: null,
    room: { free: 1e12, total: 1e12 },
    async open(path, mode) {
      if (mode === 'read' && !content.has(path)) throw missing(path)
      if (mode === 'create' || !content.has(path)) {
        content.set(path, Buffer.alloc(0))
        lengths.delete(path)
      }
      return handle(path)
    },
    async rename(from, to) {
      if (!content.has(from)) throw missing(from)
      content.set(to, Buffer.from(bytesOf(from)))
      lengths.delete(to)
      content.delete(from)
      lengths.delete(from)
      for (const follow of names.get(from) ?? []) follow(to)
      names.set(to, names.get(from) ?? [])
      names.delete(from)
    },
    async remove(path) {
      if (!content.delete(path)) throw missing(path)
      lengths.delete(path)
    },
    async removeDirectory() {},
    async makeDirectory() {},
    async list(path) {
      const found = new Set<string>()
      for (const name of content.keys()) {
        if (name.startsWith(`${path}/`)) found.add(name.slice(path.length + 1).split('/')[0]!)
      }
      return [...found].sort()
    },
    async syncDirectory(path) {
      await self.fault?.('sync', path)
    },
    async space() {
      return self.room
    },
    async usage(path) {
      let bytes = 0
      for (const name of content.keys()) if (name.startsWith(`${path}/`)) bytes += bytesOf(name).length
      return bytes
    },
    async lock(path) {
      if (locked.has(path)) throw new Error('locked')
      locked.add(path)
      return () => locked.delete(path)
    },
    copy() {
      return memoryDisk(new Map([...content.keys()].map(path => [path, Buffer.from(bytesOf(path))])))
    },
    dump(from, to) {
      for (const path of content.keys()) {
        if (!path.startsWith(`${from}/`)) continue
        const target = join(to, path.slice(from.length + 1))
        mkdirSync(dirname(target), { recursive: true })
        writeFileSync(target, bytesOf(path), { mode: 0o600 })
      }
    },
  }
  return self
}
