/** What the provider stores: sessions, interactions, codes, tokens, grants. */
type Payload = Record<string, unknown>

interface Stored {
  readonly payload: Payload
  /** Milliseconds since 1970. */
  readonly expires: number
}

/**
 * Makes the provider's storage adapters over one map. Clients are not stored: every client id exists, as a
 * public client, because the audience of an ID token is the client's id and tests choose audiences freely.
 */
export function createStorage(clientMetadata: (clientId: string) => Payload): (model: string) => object {
  const entries = new Map<string, Stored>()
  return model => adapter(model, entries, clientMetadata)
}

function adapter(
  model: string,
  entries: Map<string, Stored>,
  clientMetadata: (clientId: string) => Payload,
): object {
  const key = (id: string): string => `${model}:${id}`
  const find = (id: string): Payload | undefined => {
    if (model === 'Client') return clientMetadata(id)
    const stored = entries.get(key(id))
    return stored === undefined || stored.expires < Date.now() ? undefined : stored.payload
  }
  const findBy = (field: string, value: string): Payload | undefined => {
    for (const [name, { payload, expires }] of entries) {
      if (name.startsWith(`${model}:`) && payload[field] === value && expires >= Date.now()) return payload
    }
    return undefined
  }
  return {
    find: async (id: string) => find(id),
    findByUid: async (uid: string) => findBy('uid', uid),
    findByUserCode: async (code: string) => findBy('userCode', code),
    async upsert(id: string, payload: Payload, expiresIn: number | undefined) {
      const expires = expiresIn === undefined ? Number.POSITIVE_INFINITY : Date.now() + expiresIn * 1000
      entries.set(key(id), { payload, expires })
    },
    async consume(id: string) {
      const payload = find(id)
      if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000)
    },
    async destroy(id: string) {
      entries.delete(key(id))
    },
    async revokeByGrantId(grantId: string) {
      for (const [name, { payload }] of entries) if (payload.grantId === grantId) entries.delete(name)
    },
  }
}
