import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { type ExportOptions, exportContents } from './contents.ts'
import { tarOf } from './tar.ts'

/** A tar.gz as a stream. It ends with an error when the log cannot be read, so a whole archive is a good one. */
export function exportArchive(options: ExportOptions, now: number): Readable {
  const out = new PassThrough()
  // Entries are digests and encrypted bytes: more effort finds little.
  const gzip = createGzip({ level: 1 })
  pipeline(Readable.from(tarOf(exportContents(options), now)), gzip, out).catch(error =>
    out.destroy(error as Error),
  )
  return out
}
