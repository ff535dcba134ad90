import { readFileSync } from 'node:fs'

/** Clock ticks per second in /proc; 100 on every Linux that Node runs on. */
const TICKS = 100

/** CPU time of all threads of the processes, user and system, in microseconds (Linux). */
export function cpuMicroseconds(pids: readonly number[]): number {
  let ticks = 0
  for (const pid of pids) {
    // The command name may hold spaces and parentheses: fields are counted after its last parenthesis.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return (ticks * 1_000_000) / TICKS
}

/** Resident memory of the processes, in bytes. */
export function residentBytes(pids: readonly number[]): number {
  let bytes = 0
  for (const pid of pids) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    bytes += Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024
  }
  return bytes
}
