import { dirname, join } from 'node:path'
import { disk } from '../audit/files/disk.ts'
import type { Files } from '../audit/files/files.ts'
import { type Checkpoint, parseCheckpoint } from '../audit/log/checkpoint.ts'
import { emptyRoot, isConsistent } from '../audit/log/consistency.ts'
import { openNote, parseVerifierKey, SignatureType, splitNote } from '../audit/log/note.ts'
import { type AddCheckpoint, parseAddCheckpoint } from './add-checkpoint.ts'
import { type Kept, keptCheckpoints, originHash } from './kept.ts'
import { openWitnessKey } from './key.ts'

/** What a witness answers; the statuses of C2SP tlog-witness, and 500 when the disk refuses. */
export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422 | 500
  readonly mediaType: string
  readonly body: string
}

export interface Witness {
  readonly name: string
  readonly vkey: string
  /**
   * C2SP tlog-witness, add-checkpoint. Never rejects.
   * @param firstKey Log key to believe for an origin that is not known yet; only with `firstUse`.
   */
  addCheckpoint(body: Uint8Array, firstKey?: string): Promise<WitnessAnswer>
  /** The cosigned note of a log, by the SHA-256 of its origin in hex; null when there is none. */
  checkpoint(originHash: string): Promise<string | null>
  /** Lets what is under way end, then frees the directory. */
  close(): Promise<void>
}

export interface WitnessOptions {
  /** Holds key and state; locked while open. */
  readonly directory: string
  /** For a new key. */
  readonly name?: string
  readonly fallbackName: () => string
  /** Verifier keys of the logs to watch; several for one origin are alternatives. */
  readonly logs: readonly string[]
  /** Believe the first key that is offered for a new origin, and from then on no other. For at most this many logs. */
  readonly firstUse?: number
  readonly files?: Files
  readonly now?: () => number
  /** For the operator: a log that contradicts itself, a disk that refuses. Nothing secret in it. */
  onEvent?(event: WitnessEvent): void
}

export interface WitnessEvent {
  readonly type: 'contradiction' | 'failed'
  readonly origin: string
  readonly detail: string
}

/** Opens key and state. Throws an Error for the operator when they cannot be used. */
export async function openWitness(options: WitnessOptions): Promise<Witness> {
  const files = options.files ?? disk
  const now = options.now ?? Date.now
  const { directory } = options
  const trusted = new Map<string, string[]>()
  for (const vkey of options.logs) {
    const key = parseVerifierKey(vkey)
    if (key.type !== SignatureType.log)
      throw new Error(`${key.name}: this is the key of a witness, not of a log`)
    trusted.set(key.name, [...(trusted.get(key.name) ?? []), vkey.trim()])
  }
  await files.makeDirectory(directory, 0o700)
  await files.syncDirectory(dirname(directory))
  const unlock = await files.lock(join(directory, 'lock')).catch(error => {
    throw new Error(`the witness directory ${directory} is in use by another process`, { cause: error })
  })
  let signer: Awaited<ReturnType<typeof openWitnessKey>>
  try {
    signer = await openWitnessKey(files, directory, options.name, options.fallbackName)
  } catch (error) {
    unlock()
    throw error
  }
  const kept = keptCheckpoints(files, directory)
  const known = new Map<string, Kept>()
  /** Requests about one log wait for each other: check and record must not interleave. */
  const turns = new Map<string, Promise<unknown>>()
  let closed = false

  async function keptOf(origin: string): Promise<Kept | null> {
    const name = originHash(origin)
    const found = known.get(name) ?? (await kept.load(name))
    if (found !== null) known.set(name, found)
    return found
  }

  async function keysOf(origin: string, state: Kept | null, firstKey: string | undefined): Promise<string[]> {
    const configured = trusted.get(origin)
    if (configured !== undefined) return configured
    if (options.firstUse === undefined) return []
    if (state !== null) return [state.vkey]
    if (firstKey === undefined || parseVerifierKey(firstKey).name !== origin) return []
    return (await kept.count()) < options.firstUse ? [firstKey] : []
  }

  async function judge(request: AddCheckpoint, origin: string, firstKey?: string): Promise<WitnessAnswer> {
    const state = await keptOf(origin)
    const keys = await keysOf(origin, state, firstKey)
    if (keys.length === 0) return refused(404, 'this log is not known here')
    const vkey = keys.find(one => signedBy(request.note, one))
    if (vkey === undefined) return refused(403, 'no signature of a trusted key of this log, or a wrong one')
    const { text } = splitNote(request.note)
    let checkpoint: Checkpoint
    try {
      checkpoint = parseCheckpoint(text)
    } catch {
      return refused(400, 'the note is no checkpoint')
    }
    const { oldSize, proof } = request
    const { size, root } = checkpoint
    if (oldSize > size) return refused(400, 'the old size is larger than the checkpoint')
    const lastSize = state?.checkpoint.size ?? 0
    if (oldSize !== lastSize) {
      return { status: 409, mediaType: 'text/x.tlog.size', body: `${lastSize}\n` }
    }
    if (size === 0 && !root.equals(emptyRoot())) return refused(422, 'an empty log has another root')
    if (!isConsistent(oldSize, state?.checkpoint.root ?? emptyRoot(), size, root, proof)) {
      // Anybody can send a wrong proof; two signed roots for one size are the log's own doing.
      if (oldSize === size) {
        options.onEvent?.({ type: 'contradiction', origin, detail: `two signed roots for ${size} entries` })
      }
      return refused(422, 'the checkpoint is not proven to continue the one cosigned before')
    }
    const line = signer.cosign(text, now())
    const own = splitNote(request.note).signatures.filter(one => one.name === origin)
    const note = `${text}\n${own.map(one => one.line).join('')}${line}`
    const next = { checkpoint, vkey, note }
    try {
      // Before anybody has the cosignature: what was said must never be forgotten.
      await kept.save(next)
    } catch (error) {
      options.onEvent?.({ type: 'failed', origin, detail: (error as Error).message })
      return refused(500, 'the checkpoint could not be recorded')
    }
    known.set(originHash(origin), next)
    return { status: 200, mediaType: 'text/plain; charset=utf-8', body: line }
  }

  return {
    name: signer.name,
    vkey: signer.vkey,
    async addCheckpoint(body, firstKey) {
      let request: AddCheckpoint
      let origin: string
      try {
        if (closed) throw new Error('this witness is stopping')
        request = parseAddCheckpoint(body)
        origin = splitNote(request.note).text.split('\n', 1)[0]!
        if (origin === '' || origin.length > 255) throw new Error('the checkpoint has no origin')
      } catch (error) {
        return refused(400, (error as Error).message)
      }
      const turn = (turns.get(origin) ?? Promise.resolve()).then(() => judge(request, origin, firstKey))
      const answer = turn.catch((error: Error) => {
        options.onEvent?.({ type: 'failed', origin, detail: error.message })
        return refused(500, 'the state of this witness cannot be used')
      })
      turns.set(origin, answer)
      try {
        return await answer
      } finally {
        if (turns.get(origin) === answer) turns.delete(origin)
      }
    },
    async checkpoint(name) {
      if (!/^[0-9a-f]{64}$/.test(name)) return null
      return (known.get(name) ?? (await kept.load(name)))?.note ?? null
    },
    async close() {
      closed = true
      await Promise.all(turns.values())
      unlock()
    },
  }
}

function signedBy(note: string, vkey: string): boolean {
  try {
    openNote(note, vkey)
    return true
  } catch {
    return false
  }
}

function refused(status: WitnessAnswer['status'], detail: string): WitnessAnswer {
  return { status, mediaType: 'text/plain; charset=utf-8', body: `${detail}\n` }
}
