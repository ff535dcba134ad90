import { readdirSync } from 'node:fs'
import { cpuMicroseconds, residentBytes } from '../../../bench/process-cpu.ts'

export interface Sample {
  /** Milliseconds since the start of the run. */
  readonly at: number
  /** Resident, MB. */
  readonly rss: number
  readonly fds: number
  /** CPU seconds used so far. */
  readonly cpu: number
}

/** RSS, descriptors and CPU of a process every `every` milliseconds (Linux). */
export function sampleProcess(pid: number, every: number): { readonly samples: Sample[]; stop(): void } {
  const began = Date.now()
  const samples: Sample[] = []
  const timer = setInterval(() => {
    try {
      samples.push({
        at: Date.now() - began,
        rss: residentBytes([pid]) / 1e6,
        fds: readdirSync(`/proc/${pid}/fd`).length,
        cpu: cpuMicroseconds([pid]) / 1e6,
      })
    } catch {
      // It has ended; who waits for it says so.
    }
  }, every)
  return { samples, stop: () => clearInterval(timer) }
}

/** The quarter (0 to 3) of the run's samples. */
export function quarter(samples: readonly Sample[], which: number): readonly Sample[] {
  const from = Math.floor((samples.length * which) / 4)
  return samples.slice(from, Math.floor((samples.length * (which + 1)) / 4))
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
