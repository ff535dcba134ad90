import { readdirSync, readFileSync } from 'node:fs'

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

/** The same by name of thread (Linux), in microseconds; the first thread of a process is `main`. */
export function threadMicroseconds(pids: readonly number[]): Map<string, number> {
  const byName = new Map<string, number>()
  for (const pid of pids) {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const name = readFileSync(`/proc/${pid}/task/${thread}/comm`, 'utf8').trim()
      const [nanoseconds] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')
      const key = thread === String(pid) ? 'main' : name
      byName.set(key, (byName.get(key) ?? 0) + Number(nanoseconds) / 1000)
    }
  }
  return byName
}
