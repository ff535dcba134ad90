import type { OurCall } from './our-calls.ts'

/** `get pods/log`, `list leases.coordination.k8s.io`, `get /healthz`: what a cluster's audit policy speaks of. */
export function kindOf(call: Pick<OurCall, 'verb' | 'object' | 'path'>): string {
  return `${call.verb}:${thingOf(call)}`
}

export function thingOf({ object, path }: Pick<OurCall, 'object' | 'path'>): string {
  if (object === undefined) return path
  const { resource, apiGroup, subresource } = object
  return `${resource}${apiGroup === '' ? '' : `.${apiGroup}`}${subresource === '' ? '' : `/${subresource}`}`
}

/**
 * `VERB:WHAT` with `*` for any characters; WHAT is `resource[.group][/subresource]`, or a path with a slash at its
 * start. Throws RangeError.
 */
export function ignoring(patterns: readonly string[]): (kind: string) => boolean {
  const tests = patterns.map(pattern => {
    if (!/^[^:\s]+:\S+$/.test(pattern)) {
      throw new RangeError(`--ignore takes VERB:WHAT such as get:leases.coordination.k8s.io, not ${pattern}`)
    }
    const parts = pattern.split('*').map(part => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
    return new RegExp(`^${parts.join('.*')}$`, 's')
  })
  return kind => tests.some(test => test.test(kind))
}
