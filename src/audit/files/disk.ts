import * as fs from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Files, LogFile } from './files.ts'

/** The real disk. */
export const disk: Files = {
  async open(path, mode, permissions = 0o600) {
    // Windows has no O_DSYNC: a write and a sync there.
    const synced = mode === 'synced' ? fs.constants.O_DSYNC : undefined
    const flags =
      mode === 'read'
        ? fs.constants.O_RDONLY
        : fs.constants.O_RDWR |
          fs.constants.O_CREAT |
          (mode === 'create' ? fs.constants.O_TRUNC : (synced ?? 0))
    const descriptor = await promised<number>(done => fs.open(path, flags, permissions, done))
    return diskFile(descriptor, synced !== undefined)
  },
  rename: (from, to) => fs.promises.rename(from, to),
  remove: path => fs.promises.unlink(path),
  removeDirectory: path => fs.promises.rmdir(path).catch(() => {}),
  async makeDirectory(path, permissions) {
    await fs.promises.mkdir(path, { recursive: true, mode: permissions })
  },
  async list(path) {
    try {
      return (await fs.promises.readdir(path)).sort()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  },
  async syncDirectory(path) {
    if (process.platform === 'win32') return // a directory has no descriptor there; NTFS journals its entries
    const handle = await fs.promises.open(path, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
  async space(path) {
    const { bavail, blocks, bsize } = await fs.promises.statfs(path)
    return { free: bavail * bsize, total: blocks * bsize }
  },
  async usage(path) {
    let bytes = 0
    for (const entry of await fs.promises.readdir(path, { withFileTypes: true, recursive: true })) {
      if (!entry.isFile()) continue
      // Partial tiles come and go while they are counted.
      const status = await fs.promises.stat(join(entry.parentPath, entry.name)).catch(() => null)
      bytes += status?.size ?? 0
    }
    return bytes
  },
  // Node has no flock. SQLite holds a POSIX record lock (LockFileEx on Windows) that dies with the process, which
  // a file with a process id does not: in a container the next process has the same id.
  async lock(path) {
    const database = new DatabaseSync(path, { timeout: 0 })
    try {
      database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    } catch (error) {
      database.close()
      throw error
    }
    return () => database.close()
  },
}

function diskFile(descriptor: number, writesAreSynced: boolean): LogFile {
  async function write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    let rest = buffers
    let at = position
    for (;;) {
      const written = await promised<number>(callback => fs.writev(descriptor, rest, at, callback))
      at += written
      rest = without(rest, written)
      if (rest.length === 0) return
      if (written === 0) throw new Error('the disk took no bytes')
    }
  }
  const datasync = () => promised<void>(callback => fs.fdatasync(descriptor, callback))

  return {
    async read(into, position) {
      let done = 0
      while (done < into.length) {
        const count = await promised<number>(callback =>
          fs.read(descriptor, into, done, into.length - done, position + done, callback),
        )
        if (count === 0) break
        done += count
      }
      return done
    },
    write,
    async writeSynced(buffers, position) {
      await write(buffers, position)
      if (!writesAreSynced) await datasync()
    },
    truncate: length => promised<void>(callback => fs.ftruncate(descriptor, length, callback)),
    datasync,
    async size() {
      return (await promised<fs.Stats>(callback => fs.fstat(descriptor, callback))).size
    },
    close: () => promised<void>(callback => fs.close(descriptor, callback)),
  }
}

function without(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  const rest: Uint8Array[] = []
  let skip = count
  for (const buffer of buffers) {
    if (skip >= buffer.length) skip -= buffer.length
    else {
      rest.push(skip === 0 ? buffer : buffer.subarray(skip))
      skip = 0
    }
  }
  return rest
}

function promised<T>(start: (done: (error: Error | null, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (error) reject(error)
      else resolve(value as T)
    })
  })
}
