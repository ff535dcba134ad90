import { existsSync, readdirSync } from 'node:fs'
import { cpuMicroseconds, residentBytes } from '../../../bench/process-cpu.ts'

export interface Sample {
  /** Milliseconds since sampling began. */
  readonly at: number
  /** Resident, MB. */
  readonly rss: number
  /** Open descriptors. */
  readonly fds: number
  /** CPU seconds used so far. */
  readonly cpu: number
}

export interface Sampler {
  readonly samples: readonly Sample[]
  now(): Sample
  stop(): void
}

/** Memory, descriptors and CPU of a process every `every` milliseconds. Linux: it reads /proc. */
export function sampleProcess(pid: number, every: number): Sampler {
  if (!existsSync('/proc/self/fd')) throw new Error('the soak reads /proc, which only Linux has')
  const began = Date.now()
  const samples: Sample[] = []
  const now = (): Sample => ({
    at: Date.now() - began,
    rss: residentBytes([pid]) / 1e6,
    fds: readdirSync(`/proc/${pid}/fd`).length,
    cpu: cpuMicroseconds([pid]) / 1e6,
  })
  const timer = setInterval(() => {
    // When it has ended, who waits for it says so.
    if (existsSync(`/proc/${pid}/status`)) samples.push(now())
  }, every)
  return { samples, now, stop: () => clearInterval(timer) }
}

/** The samples of one quarter (0 to 3) of the time. */
export function quarter(samples: readonly Sample[], which: number): readonly Sample[] {
  const at = (part: number): number => Math.floor((samples.length * part) / 4)
  return samples.slice(at(which), at(which + 1))
}

/** NaN when there are none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
