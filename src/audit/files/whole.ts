import { dirname } from 'node:path'
import type { Files } from './files.ts'

/** A whole file, or null when it does not exist. */
export async function readWhole(files: Files, path: string): Promise<Buffer | null> {
  let file: Awaited<ReturnType<Files['open']>>
  try {
    file = await files.open(path, 'read')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  try {
    const into = Buffer.allocUnsafeSlow(await file.size())
    return into.subarray(0, await file.read(into, 0))
  } finally {
    await file.close()
  }
}

/** Readers see the old file or the new one, never a part. Durable only after the file and its directory are synced. */
export async function replaceWhole(files: Files, path: string, bytes: Uint8Array, permissions = 0o644) {
  await write(files, path, bytes, permissions, false)
}

/** The same with its bytes on the disk; its name only after the directory is synced. */
export async function replaceWholeSynced(files: Files, path: string, bytes: Uint8Array, permissions = 0o644) {
  await write(files, path, bytes, permissions, true)
}

/** The same, and on the disk when it resolves. */
export async function replaceWholeDurably(
  files: Files,
  path: string,
  bytes: Uint8Array,
  permissions = 0o644,
): Promise<void> {
  await write(files, path, bytes, permissions, true)
  await files.syncDirectory(dirname(path))
}

async function write(files: Files, path: string, bytes: Uint8Array, permissions: number, sync: boolean) {
  const temporary = `${path}.tmp`
  const file = await files.open(temporary, 'create', permissions)
  try {
    await file.write([bytes], 0)
    if (sync) await file.datasync()
  } finally {
    await file.close()
  }
  await files.rename(temporary, path)
}
