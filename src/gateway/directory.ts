import type { Connection } from '../connections/connection.ts'

/** The connections that there are now, by name and by host name. */
export interface Directory {
  byName(name: string): Connection | undefined
  byHost(host: string): Connection | undefined
  all(): readonly Connection[]
  /** Requests under way keep the connection that they began with. */
  replace(connections: readonly Connection[]): void
}

export function createDirectory(connections: readonly Connection[]): Directory {
  let names = new Map<string, Connection>()
  let hosts = new Map<string, Connection>()
  function replace(next: readonly Connection[]): void {
    names = new Map(next.map(c => [c.name, c]))
    hosts = new Map(next.flatMap(c => c.hosts.map(host => [host, c] as const)))
  }
  replace(connections)
  return {
    byName: name => names.get(name),
    byHost: host => hosts.get(host),
    all: () => [...names.values()],
    replace,
  }
}
