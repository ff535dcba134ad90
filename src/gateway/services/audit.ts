import type { AuditServices } from '../../api/services.ts'
import { atMost } from '../../at-most.ts'
import { exportArchive } from '../../audit/export/export.ts'
import { entryProof } from '../../audit/export/proof.ts'
import type { OpenAuditLog } from '../../audit/log/contract.ts'
import type { AuditIndex } from '../../audit/search/contract.ts'
import type { Witnessing } from '../../audit/witnesses/contract.ts'
import { Refusal } from '../../errors/refusal.ts'

/** Milliseconds that a question about one call waits for the index. */
const PATIENCE = 2_000

/** Search over the index; proofs and archives from the log itself. */
export function auditServices(
  index: AuditIndex,
  log: OpenAuditLog,
  witnessing: Witnessing,
  now: () => number,
): AuditServices {
  /** What was answered a moment ago may be on its way into the index still. */
  async function show(call: string) {
    const found = await index.show(call)
    if (found !== undefined) return found
    await atMost(
      index.caughtUp(log.size).catch(() => {}),
      PATIENCE,
    )
    return index.show(call)
  }

  return {
    search: query => index.search(query),
    show,
    masked: query => index.masked(query),
    tail: (query, signal) => index.tail(query, signal),
    async proofs(call) {
      const detail = await show(call)
      if (detail === undefined) return undefined
      const leaves = detail.leaves.filter(leaf => leaf.phase !== 'frame')
      const newest = Math.max(...leaves.map(leaf => leaf.index))
      // A cosigned checkpoint says more; what is newer than the last one is proven by the log alone.
      const { cosigned } = witnessing
      const checkpoint =
        cosigned !== null && newest < cosigned.size
          ? cosigned
          : newest < log.checkpoint.size
            ? log.checkpoint
            : await log.publish()
      const proofs = []
      for (const leaf of leaves) {
        const proof = await entryProof(log.files, log.dataDir, checkpoint, leaf.index).catch(() => null)
        if (proof === null || proof.leafHash.toString('base64') !== leaf.leafHash) {
          throw new Refusal('resource-unknown', {
            check: 'proof',
            detail: `entry ${call} is not in the log of this gateway`,
          })
        }
        const { index: at, phase } = leaf
        proofs.push({ index: at, phase, cosigned: checkpoint === cosigned, proof: proof.text })
      }
      return proofs
    },
    export: records =>
      exportArchive({ files: log.files, directory: log.dataDir, vkey: log.vkey, records }, now()),
  }
}
