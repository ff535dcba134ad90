import { consistencyProof } from '../log/consistency.ts'
import type { OpenAuditLog, PublishedCheckpoint } from '../log/contract.ts'
import { askWitness } from './ask.ts'
import type { Asked, Witnessing, WitnessLink, WitnessStatus } from './contract.ts'
import { cosignedFiles } from './cosigned.ts'
import { conflictEntry, unwitnessedEntry } from './entries.ts'

export interface WitnessPolicy {
  /** Cosignatures of different witnesses that a checkpoint needs. Default 0: told when there is none, never required. */
  readonly required?: number
  /** Milliseconds for which entries may stay without. Default 10 minutes. */
  readonly unwitnessedAfter?: number
  /** What happens then: it is told, or new calls are refused as well until it is over. Default alert. */
  readonly action?: 'alert' | 'seal'
  /** Milliseconds between two rounds. Default 10 s. */
  readonly interval?: number
  /** Milliseconds for the answer of one witness. Default 5 s. */
  readonly deadline?: number
}

export interface WitnessingOptions extends WitnessPolicy {
  readonly log: OpenAuditLog
  /** Those that can be asked now; each round looks again. */
  links(): readonly WitnessLink[]
  /** For the operator's log. */
  onEvent(event: WitnessingEvent): void
  readonly now?: () => number
}

export interface WitnessingEvent {
  readonly type: 'conflict' | 'unwitnessed' | 'witnessed' | 'failed'
  readonly detail: string
}

/** Asks witnesses after checkpoints, in the background: an append never waits for one. */
export async function openWitnessing(options: WitnessingOptions): Promise<Witnessing> {
  const { log, onEvent } = options
  const now = options.now ?? Date.now
  const required = options.required ?? 0
  const action = options.action ?? 'alert'
  const after = options.unwitnessedAfter ?? 600_000
  const interval = options.interval ?? 10_000
  const stored = cosignedFiles(log.files, log.dataDir, log.vkey)
  let cosigned = await stored.read()
  const statuses = new Map<string, WitnessStatus>()
  let pendingSince: number | null = (cosigned?.size ?? 0) < log.checkpoint.size ? now() : null
  /** When the alert was raised; null while there is none. */
  let overdueSince: number | null = null
  let timer: NodeJS.Timeout | null = null
  let running: Promise<void> | null = null
  let closed = false
  let lastRound = -Infinity
  const stop = new AbortController()

  /** The next round, as soon as the interval allows. */
  function schedule(): void {
    if (closed || timer !== null) return
    const wait = Math.max(0, lastRound + interval - performance.now())
    timer = setTimeout(() => {
      timer = null
      round().catch(error => onEvent({ type: 'failed', detail: (error as Error).message }))
    }, wait).unref()
  }

  /** Somebody has not cosigned all that is published: not reached yet, or it was appended meanwhile. */
  function behind(): boolean {
    const { size } = log.checkpoint
    const late = (link: WitnessLink) => {
      const status = statuses.get(link.vkey)
      return status?.state !== 'cosigned' || status.size < size
    }
    return (cosigned?.size ?? 0) < size || options.links().some(late)
  }

  function round(): Promise<void> {
    running ??= ask().finally(() => {
      running = null
      if (behind()) schedule()
    })
    return running
  }

  async function ask(): Promise<void> {
    const { checkpoint } = log
    const startedAt = now()
    lastRound = performance.now()
    const links = new Map(options.links().map(link => [link.vkey, link]))
    for (const vkey of statuses.keys()) if (!links.has(vkey)) away(vkey)
    const proofs = new Map<number, Promise<readonly Buffer[]>>()
    const lines = new Map<string, string>()
    await Promise.all(
      [...links.values()].map(async link => {
        const asked = await askWitness(
          link,
          {
            size: checkpoint.size,
            note: checkpoint.note,
            from: statuses.get(link.vkey)?.size ?? 0,
            newest: () => log.checkpoint.size,
            proof(from) {
              const made = proofs.get(from) ?? consistencyProof(log.files, log.dataDir, from, checkpoint.size)
              proofs.set(from, made)
              return made
            },
          },
          AbortSignal.any([stop.signal, AbortSignal.timeout(options.deadline ?? 5_000)]),
        )
        if (asked.state === 'cosigned') lines.set(link.vkey, asked.line)
        await note(link, asked, checkpoint)
      }),
    )
    if (closed) return
    const enough = lines.size >= Math.max(1, required)
    if (lines.size > 0) {
      const text = await stored.write(checkpoint.note, lines, enough)
      if (enough) cosigned = { size: checkpoint.size, note: text }
    }
    if (enough) pendingSince = log.checkpoint.size > checkpoint.size ? startedAt : null
    await judge()
  }

  /** A witness that was there and is not any more. */
  function away(vkey: string): void {
    const before = statuses.get(vkey)!
    statuses.set(vkey, { ...before, state: 'unreachable', detail: 'it is not connected' })
  }

  async function note(link: WitnessLink, asked: Asked, checkpoint: PublishedCheckpoint): Promise<void> {
    const before = statuses.get(link.vkey)
    const { name, vkey } = link
    statuses.set(
      vkey,
      asked.state === 'cosigned'
        ? { name, vkey, state: asked.state, size: asked.size, time: asked.time }
        : {
            name,
            vkey,
            state: asked.state,
            size: before?.size ?? 0,
            time: before?.time ?? null,
            detail: asked.detail,
          },
    )
    if (asked.state !== 'conflict' || before?.state === 'conflict') return
    onEvent({ type: 'conflict', detail: `${name}: ${asked.detail}` })
    await append(
      conflictEntry(now(), { witness: name, vkey, detail: asked.detail, checkpoint: checkpoint.note }),
    )
  }

  /** Raises the alert, and ends it. */
  async function judge(): Promise<void> {
    const overdue = pendingSince !== null && now() - pendingSince >= after
    if (overdue === (overdueSince !== null)) return
    const since = overdueSince ?? pendingSince!
    overdueSince = overdue ? since : null
    const size = cosigned?.size ?? 0
    const witnesses = [...statuses.values()].map(({ name, state, detail }) => ({
      name,
      state,
      ...(detail === undefined ? {} : { detail }),
    }))
    onEvent({
      type: overdue ? 'unwitnessed' : 'witnessed',
      detail: overdue
        ? `since ${new Date(since).toISOString()} no checkpoint has enough cosignatures (${size} of ${log.size} entries have)`
        : `${size} entries are cosigned again`,
    })
    await append(
      unwitnessedEntry(now(), { state: overdue ? 'begin' : 'end', since, size, required, witnesses }),
    )
  }

  async function append(entry: Parameters<OpenAuditLog['append']>[0]): Promise<void> {
    await log.append(entry).catch(error => onEvent({ type: 'failed', detail: (error as Error).message }))
  }

  const stopListening = log.onCheckpoint(() => {
    pendingSince ??= now()
    schedule()
  })
  // Also while nothing is appended: time passes by itself, and agents come and go.
  const watch = setInterval(
    () => {
      void judge()
      if (behind()) schedule()
    },
    Math.min(5_000, Math.max(10, after / 4)),
  )
  watch.unref()
  schedule()

  return {
    get cosigned() {
      return cosigned
    },
    round,
    status: () => ({
      required,
      action,
      size: cosigned?.size ?? 0,
      unwitnessedSince: pendingSince,
      overdue: overdueSince !== null,
      blocked: action === 'seal' && overdueSince !== null,
      witnesses: [...statuses.values()],
    }),
    async close() {
      closed = true
      stopListening()
      clearInterval(watch)
      if (timer !== null) clearTimeout(timer)
      stop.abort()
      await running?.catch(() => {})
    },
  }
}
