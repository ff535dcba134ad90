import type { Files, LogFile } from './files.ts'

/** What did not end in time; the operation itself may still be under way. */
export class Late extends Error {
  readonly code = 'ETIMEDOUT'
  constructor(what: string, milliseconds: number) {
    super(`${what} took longer than ${milliseconds} ms`)
    this.name = 'Late'
  }
}

const SLICES = 20

/**
 * Rejects with `Late` when `work` has not settled after `milliseconds`. A blocked event loop is not a blocked disk:
 * the time is counted in slices, and one that came late counts once, so that a completion that waits for its turn has
 * many of them.
 */
export function within<T>(work: Promise<T>, milliseconds: number, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const slice = Math.ceil(milliseconds / SLICES)
    let left = SLICES
    let timer = setTimeout(tick, slice)
    function tick(): void {
      left -= 1
      if (left > 0) timer = setTimeout(tick, slice)
      else setImmediate(() => reject(new Late(what, milliseconds)))
    }
    work.then(
      value => {
        clearTimeout(timer)
        resolve(value)
      },
      error => {
        clearTimeout(timer)
        reject(error)
      },
    )
  })
}

/**
 * The same files with a limit on each operation, so that a device that hangs is an error like any other, wherever it
 * is met: appends, tiles, checkpoints, rotation, keys, recovery. A descriptor whose operation was late is not used
 * again by anybody: the log is sealed, or does not open.
 */
export function withDeadline(files: Files, milliseconds: number): Files {
  const limited = <T>(work: Promise<T>, what: string): Promise<T> => within(work, milliseconds, what)

  function limitedFile(file: LogFile, path: string): LogFile {
    return {
      read: (into, position) => limited(file.read(into, position), `a read of ${path}`),
      write: (buffers, position) => limited(file.write(buffers, position), `a write to ${path}`),
      writeSynced: (buffers, position) =>
        limited(file.writeSynced(buffers, position), `a synced write to ${path}`),
      truncate: length => limited(file.truncate(length), `a truncation of ${path}`),
      datasync: () => limited(file.datasync(), `a sync of ${path}`),
      size: () => limited(file.size(), `a look at ${path}`),
      close: () => limited(file.close(), `closing ${path}`),
    }
  }

  return {
    async open(path, mode, permissions) {
      const opening = files.open(path, mode, permissions)
      try {
        return limitedFile(await limited(opening, `opening ${path}`), path)
      } catch (error) {
        if (error instanceof Late)
          opening.then(
            file => file.close(),
            () => {},
          )
        throw error
      }
    },
    rename: (from, to) => limited(files.rename(from, to), `a rename to ${to}`),
    remove: path => limited(files.remove(path), `a removal of ${path}`),
    removeDirectory: path => limited(files.removeDirectory(path), `a removal of ${path}`),
    makeDirectory: (path, permissions) =>
      limited(files.makeDirectory(path, permissions), `making the directory ${path}`),
    list: path => limited(files.list(path), `a listing of ${path}`),
    syncDirectory: path => limited(files.syncDirectory(path), `a sync of the directory ${path}`),
    space: path => limited(files.space(path), `a look at the space of ${path}`),
    usage: path => limited(files.usage(path), `a look at the size of ${path}`),
    lock: path => files.lock(path),
  }
}
