import type { ImpersonationRequest } from '../action.ts'
import { isPrintableAscii } from './characters.ts'
import type { RefusedRequest } from './contract.ts'
import { percentDecode } from './percent.ts'
import { refuse } from './refusals.ts'

const EXTRA_PREFIX = 'impersonate-extra-'

/**
 * What `Impersonate-*` headers ask for. `fields` is a flat list of lower-case names and values, every header whose
 * name begins with `impersonate`, underscores included: a name that we do not know may be one that a newer
 * kube-apiserver does. Source: apiserver `filters/impersonation` (v0.36.3), which lower-cases and unescapes keys.
 */
export function parseImpersonation(fields: readonly string[]): ImpersonationRequest | RefusedRequest {
  let user = ''
  let uid = ''
  const groups: string[] = []
  const extra: (readonly [string, string])[] = []
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index]!
    const value = fields[index + 1]!
    if (value === '' || !isPrintableAscii(value)) return refuse('impersonate-value')
    if (name === 'impersonate-user') {
      if (user !== '') return refuse('impersonate-repeated')
      user = value
    } else if (name === 'impersonate-uid') {
      if (uid !== '') return refuse('impersonate-repeated')
      uid = value
    } else if (name === 'impersonate-group') groups.push(value)
    else if (name.startsWith(EXTRA_PREFIX)) {
      const key = percentDecode(name.slice(EXTRA_PREFIX.length), false)
      if (typeof key !== 'string' || key === '' || !isPrintableAscii(key)) return refuse('impersonate-value')
      extra.push([key, value])
    } else return refuse('impersonate-unknown')
  }
  if (user === '') return refuse('impersonate-without-user')
  return { user, groups, uid, extra }
}
