/** Exactly one thing that is opened: a call, one value of a call, or a session. */
export type RevealScope =
  | { readonly call: string }
  | { readonly call: string; readonly pointer: string }
  | { readonly session: string }

/** The same members in the same order, so that two scopes are one when their JSON is. */
export function scopeOf(given: {
  readonly call?: string | undefined
  readonly pointer?: string | undefined
  readonly session?: string | undefined
}): RevealScope | null {
  const { call, pointer, session } = given
  if (session !== undefined) return call === undefined && pointer === undefined ? { session } : null
  if (call === undefined) return null
  return pointer === undefined ? { call } : { call, pointer }
}

export function scopeWords(scope: RevealScope): string {
  if ('session' in scope) return `session ${scope.session}`
  return 'pointer' in scope ? `${scope.pointer} of call ${scope.call}` : `call ${scope.call}`
}
