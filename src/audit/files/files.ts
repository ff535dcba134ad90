/**
 * The one way in which the log touches the disk, so that faults (power cuts, full disks, errors of fsync) can be
 * planted beneath it. What is not synced may be lost, in part and in any order.
 */
export interface LogFile {
  /** Bytes read, fewer than asked only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>
  /** All bytes or a rejection; on a rejection any part may have been written. */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>
  /** The same, and on the disk when it resolves. After a rejection the descriptor must not be written again. */
  writeSynced(buffers: readonly Uint8Array[], position: number): Promise<void>
  truncate(length: number): Promise<void>
  /** Data and length are on the disk when it resolves. After a rejection the descriptor must not be synced again. */
  datasync(): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

export interface Files {
  /**
   * `read`: must exist; `write`: existing or new, kept; `create`: new or emptied; `synced`: like `write`, and every
   * write is a synced one, which saves a journey to the disk. Permissions are of new files.
   */
  open(path: string, mode: 'read' | 'write' | 'create' | 'synced', permissions?: number): Promise<LogFile>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** An empty one; of a directory that is not empty or not there nothing happens. */
  removeDirectory(path: string): Promise<void>
  /** With its parents; existing is fine. */
  makeDirectory(path: string, permissions: number): Promise<void>
  /** Names in order; empty when there is no such directory. */
  list(path: string): Promise<string[]>
  /** Makes creations, renames and removals in the directory durable. */
  syncDirectory(path: string): Promise<void>
  /** Bytes that may still be written on the file system that holds `path`, and its size. */
  space(path: string): Promise<{ readonly free: number; readonly total: number }>
  /** Bytes of all files below a directory. */
  usage(path: string): Promise<number>
  /** Exclusive between processes and within one; freed by the kernel when the process dies. Rejects when held. */
  lock(path: string): Promise<() => void>
}
