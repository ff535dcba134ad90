import type { RefusedRequest } from './contract.ts'
import type { Query } from './query.ts'
import { refuse } from './refusals.ts'

/** Booleans of the meta/v1 and core/v1 option types. */
const SWITCHES = new Set([
  'watch',
  'allowWatchBookmarks',
  'sendInitialEvents',
  'follow',
  'previous',
  'timestamps',
  'insecureSkipTLSVerifyBackend',
  'force',
  'orphanDependents',
  'ignoreStoreReadErrorWithClusterBreakingPotential',
  'stdin',
  'stdout',
  'stderr',
  'tty',
])

/** Parameters of which kube-apiserver reads the first value only. A second, other one would be a hidden meaning. */
const READ_ONCE = new Set([
  ...SWITCHES,
  'labelSelector',
  'fieldSelector',
  'shardSelector',
  'resourceVersion',
  'resourceVersionMatch',
  'limit',
  'continue',
  'timeoutSeconds',
  'timeout',
  'dryRun',
  'fieldManager',
  'fieldValidation',
  'gracePeriodSeconds',
  'propagationPolicy',
  'includeObject',
  'container',
  'sinceSeconds',
  'sinceTime',
  'tailLines',
  'limitBytes',
  'stream',
  'pretty',
])

/**
 * The rules for parameters that kube-apiserver itself reads. Not for what is passed through a proxy subresource,
 * where the query belongs to the program behind it.
 */
export function parameterFault(query: Query): RefusedRequest | null {
  for (let index = 0; index < query.length; index++) {
    const [name, value] = query[index]!
    // An argument of a remote command may hold any byte but NUL; a line break in a selector is nobody's intent.
    if (name !== 'command' && hasControlByte(value)) return refuse('control-byte')
    if (!READ_ONCE.has(name)) continue
    if (SWITCHES.has(name) && !isAscii(value)) return refuse('query-value')
    for (let earlier = 0; earlier < index; earlier++) {
      if (query[earlier]![0] === name && query[earlier]![1] !== value) return refuse('query-repeated')
    }
  }
  return null
}

function hasControlByte(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code < 0x20 || code === 0x7f) return true
  }
  return false
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7e) return false
  return true
}
