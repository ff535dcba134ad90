import { dirname } from 'node:path'
import type { Files, LogFile } from '../files/files.ts'
import { type MemoryDisk, memoryDisk } from './memory.ts'

/**
 * A disk that forgets. Writes, truncations, new names, renames and removals are pending until their file or
 * directory is synced; `cut` gives what a power failure may leave: everything synced, and any part of the rest.
 */
export interface PowerDisk extends Files {
  /** Called after each operation. */
  onStep: (() => void) | null
  /** Makes the syncs of one place in the code do nothing, to show that it is needed. Asked at each sync. */
  skipSync: ((site: SyncSite) => boolean) | null
  /** @param chance From 0 to 1, of each pending operation to have reached the disk. */
  cut(random: () => number, chance: number): MemoryDisk
}

/** Who asked for a sync. */
export interface SyncSite {
  readonly kind: 'file' | 'directory'
  readonly path: string
  /** Frames of the code of the log, innermost first, to the first one that is no helper: `log/wal.ts:12 write`. */
  readonly frames: readonly string[]
}

/** Code that syncs on behalf of others. */
const HELPERS = 'files/'

function siteOf(kind: SyncSite['kind'], path: string): SyncSite {
  const frames: string[] = []
  for (const line of new Error().stack!.split('\n')) {
    const [, file, at] = /\/src\/audit\/([a-z/-]+\.ts):(\d+):\d+\)?$/.exec(line) ?? []
    if (file === undefined || /^(testing\/|files\/deadline)/.test(file)) continue
    const [, name = ''] = /at (?:async )?(?:Object\.)?(\S+) \(/.exec(line) ?? []
    frames.push(`${file}:${at} ${name}`.trim())
    if (!file.startsWith(HELPERS)) break
  }
  return { kind, path, frames }
}

/** What a power failure may tear: of one write any sectors may have reached the disk. */
const SECTOR = 512

interface Inode {
  synced: Buffer
  pending: Change[]
  current: Buffer
}
type Change = { readonly at: number; readonly bytes: Buffer } | { readonly length: number }
type NameChange = { readonly directory: string; apply(names: Map<string, Inode | null>): void }

/** @param from What was on the disk before, all of it synced. `/data` and `/srv` are there from the start. */
export function powerDisk(from?: MemoryDisk): PowerDisk {
  // Directories are names with null.
  const current = new Map<string, Inode | null>([
    ['/', null],
    ['/data', null],
    ['/srv', null],
  ])
  const durable = new Map(current)
  let pending: NameChange[] = []
  for (const [path, bytes] of from?.content ?? []) {
    addDirectories(path)
    const inode = { synced: Buffer.from(bytes), pending: [], current: Buffer.from(bytes) }
    current.set(path, inode)
    durable.set(path, inode)
  }

  function addDirectories(path: string): void {
    for (let at = dirname(path); at !== '/'; at = dirname(at)) {
      current.set(at, null)
      durable.set(at, null)
    }
  }

  function change(directory: string, apply: NameChange['apply']): void {
    apply(current)
    pending.push({ directory, apply })
  }

  function changed(bytes: Buffer, one: Change): Buffer {
    if ('length' in one) return Buffer.from(bytes.subarray(0, one.length))
    const grown = Buffer.alloc(Math.max(bytes.length, one.at + one.bytes.length))
    bytes.copy(grown)
    one.bytes.copy(grown, one.at)
    return grown
  }

  /** A write of which only a first part, or only some sectors, reached the disk. */
  function torn(bytes: Buffer, one: Change, random: () => number): Buffer {
    if ('length' in one) return changed(bytes, one)
    const { at, bytes: whole } = one
    if (random() < 0.5) return changed(bytes, { at, bytes: whole.subarray(0, random() * whole.length) })
    let result = bytes
    for (let from = 0; from < whole.length; ) {
      const to = Math.min(whole.length, from + SECTOR - ((at + from) % SECTOR))
      if (random() < 0.5) result = changed(result, { at: at + from, bytes: whole.subarray(from, to) })
      from = to
    }
    return result
  }

  function fileOf(path: string): Inode {
    const inode = current.get(path)
    if (inode == null) throw Object.assign(new Error(`no such file: ${path}`), { code: 'ENOENT' })
    return inode
  }

  function handle(inode: Inode, path: string): LogFile {
    const add = (one: Change) => {
      inode.pending.push(one)
      inode.current = changed(inode.current, one)
      self.onStep?.()
    }
    const sync = (site: SyncSite) => {
      if (self.skipSync?.(site) === true) return
      inode.synced = inode.current
      inode.pending = []
      self.onStep?.()
    }
    return {
      read: async (into, position) => inode.current.copy(into, 0, position),
      write: async (buffers, position) => add({ at: position, bytes: Buffer.concat(buffers) }),
      async writeSynced(buffers, position) {
        add({ at: position, bytes: Buffer.concat(buffers) })
        sync(siteOf('file', path))
      },
      truncate: async length => add({ length }),
      async datasync() {
        sync(siteOf('file', path))
      },
      size: async () => inode.current.length,
      close: async () => {},
    }
  }

  const self: PowerDisk = {
    onStep: null,
    skipSync: null,
    async open(path, mode) {
      const known = current.get(path)
      if (mode === 'read' || (known != null && mode !== 'create')) return handle(fileOf(path), path)
      const made: Inode = { synced: Buffer.alloc(0), pending: [], current: Buffer.alloc(0) }
      change(dirname(path), names => names.set(path, made))
      self.onStep?.()
      return handle(made, path)
    },
    async rename(source, target) {
      const inode = fileOf(source)
      change(dirname(target), names => {
        // A name that never reached the disk cannot be moved, but its file can still appear under the new one.
        names.delete(source)
        names.set(target, inode)
      })
      self.onStep?.()
    },
    async remove(path) {
      fileOf(path)
      change(dirname(path), names => names.delete(path))
      self.onStep?.()
    },
    async removeDirectory(path) {
      if ([...current.keys()].some(name => name.startsWith(`${path}/`))) return
      change(dirname(path), names => names.delete(path))
    },
    async makeDirectory(path) {
      const missing = []
      for (let at = path; at !== '/' && !current.has(at); at = dirname(at)) missing.unshift(at)
      for (const one of missing) change(dirname(one), names => names.set(one, null))
    },
    async list(path) {
      const names = [...current.keys()].filter(name => dirname(name) === path && name !== '/')
      return names.map(name => name.slice(path.length + 1)).sort()
    },
    async syncDirectory(path) {
      if (self.skipSync?.(siteOf('directory', path)) === true) return
      for (const one of pending) if (one.directory === path) one.apply(durable)
      pending = pending.filter(one => one.directory !== path)
      self.onStep?.()
    },
    space: async () => ({ free: 1e12, total: 1e12 }),
    usage: async () => 0,
    lock: async () => () => {},
    cut(random, chance) {
      const names = new Map(durable)
      for (const one of pending) if (random() < chance) one.apply(names)
      const content = new Map<string, Buffer>()
      for (const [path, inode] of names) {
        if (inode === null || !reachable(names, path)) continue
        let bytes = inode.synced
        for (const one of inode.pending) {
          const luck = random()
          if (luck < chance) bytes = luck < chance / 2 ? changed(bytes, one) : torn(bytes, one, random)
        }
        content.set(path, bytes)
      }
      return memoryDisk(content)
    },
  }
  return self
}

function reachable(names: ReadonlyMap<string, Inode | null>, path: string): boolean {
  for (let at = dirname(path); at !== '/'; at = dirname(at)) if (!names.has(at)) return false
  return true
}
