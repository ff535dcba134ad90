import type { NewEntry } from '../entry.ts'
import type { Files } from '../files/files.ts'

/**
 * Room for the log. Being full is foreseen: at the limit no new call is taken (503 with the check `disk-quota`),
 * while what is left (the reserve) takes the outcomes of live calls, their frames for a few seconds more, the ends of
 * sessions, what operators ask of our own API and the entry that says so. It opens again by itself once there is room.
 */
export interface QuotaOptions {
  /** Bytes that the log's directory may take, its search index included; absent: no limit. */
  readonly bytes?: number
  /** Bytes of the file system that must stay free: the reserve. Default: 512 MiB, at most 5 % of the file system. */
  readonly minFree?: number
}

export interface QuotaStatus {
  /** `low`: within a tenth of the limit of bytes, or less than twice the reserve is free. */
  readonly state: 'ok' | 'low' | 'full'
  /** Bytes free on the file system. */
  readonly free: number
  /** Below it the log is full. */
  readonly minFree: number
  /** Bytes of the log's directory, and their limit; null without a limit. */
  readonly used: number | null
  readonly bytes: number | null
  /** Milliseconds since the epoch at which this state began. */
  readonly since: number
}

export interface Quota {
  readonly status: QuotaStatus
  /** The check by which an entry is not taken at the moment, or null. */
  refuses(entry: NewEntry): 'disk-quota' | null
  /** Looks now; a change is told to `onChange` before it resolves. */
  look(): Promise<void>
  stop(): void
}

const MEBIBYTE = 1024 * 1024
const DEFAULT_MIN_FREE = 512 * MEBIBYTE
const LOOK_EVERY = 1000
/** A walk over the directory costs more than a look at the file system. */
const WALK_EVERY = 10_000
/** Milliseconds for frames of live calls after the limit was met; the default grace of live sessions. */
export const FRAME_GRACE = 5_000

const STILL_TAKEN = new Set(['session.close', 'auth.logout'])

export interface QuotaParts {
  readonly files: Files
  readonly directory: string
  readonly options: QuotaOptions
  readonly now: () => number
  onChange(status: QuotaStatus): void
  onFailure(error: unknown): void
}

/** Looks once before it resolves. */
export async function openQuota(parts: QuotaParts): Promise<Quota> {
  const { files, directory, options, now } = parts
  const bytes = options.bytes ?? null
  let used: number | null = null
  let walkedAt = Number.NEGATIVE_INFINITY
  let status: QuotaStatus = { state: 'ok', free: 0, minFree: 0, used, bytes, since: now() }

  async function measure(): Promise<void> {
    const { free, total } = await files.space(directory)
    const minFree = options.minFree ?? Math.min(DEFAULT_MIN_FREE, Math.floor(total / 20))
    if (bytes !== null && performance.now() - walkedAt >= WALK_EVERY) {
      used = await files.usage(directory)
      // Near the limit each look counts.
      walkedAt = used > bytes * 0.8 ? Number.NEGATIVE_INFINITY : performance.now()
    }
    const state = stateOf(status.state === 'full', free, minFree, used, bytes)
    const changed = state !== status.state
    status = { state, free, minFree, used, bytes, since: changed ? now() : status.since }
    if (changed) parts.onChange(status)
  }

  let timer: NodeJS.Timeout | null = null
  let stopped = false
  function again(): void {
    if (stopped) return
    timer = setTimeout(() => measure().then(again, parts.onFailure), LOOK_EVERY)
    timer.unref()
  }
  await measure()
  again()

  return {
    get status() {
      return status
    },
    refuses(entry) {
      if (status.state !== 'full' || entry.phase === 'outcome') return null
      if (entry.phase === 'frame') return now() - status.since > FRAME_GRACE ? 'disk-quota' : null
      // Operators must see what is wrong and end what goes on; half of the reserve is not theirs.
      if (entry.kind === 'admin.request') return operatorsMayGoOn(status) ? null : 'disk-quota'
      if (entry.phase === 'state' && (entry.kind.startsWith('log.') || STILL_TAKEN.has(entry.kind)))
        return null
      return 'disk-quota'
    },
    look: measure,
    stop() {
      stopped = true
      if (timer !== null) clearTimeout(timer)
    },
  }
}

/** Once full it stays so until there is a little more room than at the limit, so that it does not flutter. */
function stateOf(
  wasFull: boolean,
  free: number,
  minFree: number,
  used: number | null,
  bytes: number | null,
): QuotaStatus['state'] {
  const slack = wasFull ? 1.1 : 1
  if (free < minFree * slack) return 'full'
  if (used !== null && bytes !== null && used * slack > bytes) return 'full'
  if (free < minFree * 2) return 'low'
  return used !== null && bytes !== null && used > bytes * 0.9 ? 'low' : 'ok'
}

function operatorsMayGoOn({ free, minFree, used, bytes }: QuotaStatus): boolean {
  return free > minFree / 2 && (used === null || bytes === null || used < bytes * 1.1)
}

/** For operators: what is short, and by how much. */
export function quotaWords(status: QuotaStatus): string {
  const { state, free, minFree, used, bytes } = status
  const what = state === 'full' ? 'new calls are refused' : 'new calls will be refused at the limit'
  const own = used !== null && bytes !== null && used > bytes * 0.8
  const size = own
    ? `the log takes ${mebibytes(used)} of ${mebibytes(bytes)}`
    : `${mebibytes(free)} are free, ${mebibytes(minFree)} must stay so`
  return `${size}; ${what}`
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / MEBIBYTE)} MiB`
}
