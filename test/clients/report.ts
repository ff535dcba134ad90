import type { Finished } from './sides.ts'

/** The counts of a run, for the test's output. */
export function reportOf(finished: Finished): string[] {
  const { upstream, recorded, missing, report } = finished
  return [
    `${upstream.length} requests in the cluster's audit log, ${upstream.length - missing.length} of them in ours (${recorded} Kubernetes entries)`,
    `verify: ${report.trimEnd().split('\n').at(-1)}`,
  ]
}
