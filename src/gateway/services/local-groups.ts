import { apiServiceName, isServedLocally } from '../../kubernetes/discovery/api-service.ts'
import { fetchApiService } from '../../tunnel/calls/fetch-document.ts'
import type { RecordedLink } from '../../tunnel/contract.ts'

/**
 * Milliseconds for which an answer counts, from when it was asked for. A group that goes over to another server within them
 * would get a dry run that it may not know; so they are few.
 */
export const BELIEVED = 5_000
/** Group versions of a connection that are remembered; paths name what they like. */
const MOST = 256

export interface LocalGroups {
  /** Whether the API server of a connection serves a group version itself. What cannot be learned is false. */
  isLocal(connection: string, group: string, version: string): Promise<boolean>
}

interface Known {
  readonly askedAt: number
  readonly answer: Promise<boolean>
}

/** Asked under the agent's own right, and remembered for some seconds. `now`: milliseconds of a clock that only goes forward. */
export function createLocalGroups(
  linkTo: (connection: string) => RecordedLink,
  now: () => number = () => performance.now(),
): LocalGroups {
  const connections = new Map<string, Map<string, Known>>()

  const isFresh = ({ askedAt }: Known): boolean => now() - askedAt < BELIEVED

  async function ask(connection: string, group: string, version: string, name: string): Promise<boolean> {
    try {
      const { status, body } = await fetchApiService(linkTo(connection), connection, name)
      return status === 200 && isServedLocally(body, group, version)
    } catch {
      // No agent, no right, no such APIService: nobody says that a dry run is safe there.
      return false
    }
  }

  return {
    async isLocal(connection, group, version) {
      const name = apiServiceName(group, version)
      if (name === null) return false
      let groups = connections.get(connection)
      if (groups === undefined) {
        groups = new Map()
        connections.set(connection, groups)
      }
      let known = groups.get(name)
      if (known === undefined || !isFresh(known)) {
        if (groups.size >= MOST) groups.clear()
        known = { askedAt: now(), answer: ask(connection, group, version, name) }
        groups.set(name, known)
      }
      // An answer that took its time says how it was.
      return (await known.answer) && isFresh(known)
    },
  }
}
