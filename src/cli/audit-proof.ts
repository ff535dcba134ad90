import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AuditProofsDocument } from '../api/schema/audit.ts'
import { type Run, text } from './frame/context.ts'
import { exitCodes, Failure } from './frame/failure.ts'

/** Writes one `.tlog-proof` file for each entry of a call (C2SP tlog-proof), to be handed out and checked offline. */
export const run: Run = async (context, [id = ''], options) => {
  const client = await context.client()
  const document = await client.get<AuditProofsDocument>(`/v1/audit/entries/${encodeURIComponent(id)}/proofs`)
  const directory = text(options, 'outDir') ?? '.'
  const written: string[] = []
  if (context.output.format === 'table' || context.output.format === 'wide') {
    try {
      mkdirSync(directory, { recursive: true })
      for (const { index, phase, proof } of document.proofs) {
        // Names made here from what was checked: an answer must not choose where files go.
        const name = `${id.replace(/[^A-Za-z0-9-]/g, '_')}.${phase.replace(/[^a-z]/g, '')}-${index}.tlog-proof`
        writeFileSync(join(directory, name), proof)
        written.push(join(directory, name))
      }
    } catch (error) {
      throw new Failure({
        exitCode: exitCodes.failed,
        what: `a proof cannot be written: ${(error as Error).message}`,
      })
    }
  }
  const cosigned = document.proofs.every(one => one.cosigned)
  await context.output.one(document, written.join('\n'), `entry/${document.call}`)
  context.say(
    cosigned
      ? 'check one: sallyport verify FILE --vkey KEY --witness KEY'
      : 'check one: sallyport verify FILE --vkey KEY (no witness has cosigned this entry yet)',
  )
  return exitCodes.done
}
