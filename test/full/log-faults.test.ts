/** Real errors of real system calls beneath a real gateway, wherever the log meets its files. */
import { before, describe, test } from 'node:test'
import { buildProgram } from '../../testbed/build-program.ts'
import type { Rule } from '../faults/injector.ts'
import { assertSealedBy, type SealingFault } from '../faults/sealed.ts'

const fault = (rule: Rule, check: SealingFault['check'], size?: number): SealingFault => ({
  rules: [rule],
  check,
  ...(size === undefined ? {} : { size }),
})

/** More than a write-ahead file carries, so that the segment is synced itself. */
const LARGE = 200_000

const places: Readonly<Record<string, SealingFault>> = {
  'append: the disk quota of the user is used up': fault(
    { op: 'write', path: '/log/wal/', fault: 'EDQUOT' },
    'disk-full',
  ),
  'append: the segment cannot be written': fault(
    { op: 'write', path: '/log/segments/', fault: 'EIO' },
    'io-error',
  ),
  'append: the sync of the segment fails': fault(
    { op: 'sync', path: '/log/segments/', fault: 'EIO' },
    'io-error',
    LARGE,
  ),
  'rotate: no room for a new write-ahead file': fault(
    { op: 'write', path: '/log/wal/.*\\.tmp$', fault: 'ENOSPC' },
    'disk-full',
    60_000,
  ),
  'tile: no space': fault({ op: 'write', path: '/log/tile/', fault: 'ENOSPC' }, 'disk-full'),
  'tile: the rename fails': fault({ op: 'rename', path: '/log/tile/', fault: 'EIO' }, 'io-error'),
  'checkpoint: no space': fault({ op: 'write', path: '/log/checkpoint', fault: 'ENOSPC' }, 'disk-full'),
  'checkpoint: the sync fails': fault({ op: 'sync', path: '/log/checkpoint', fault: 'EIO' }, 'io-error'),
}

before(() => buildProgram('faults').then(() => {}), { timeout: 300_000 })

describe('refused in time, nothing unrecorded, whole again after a restart', { concurrency: 4 }, () => {
  for (const [name, one] of Object.entries(places))
    test(name, { timeout: 240_000 }, t => assertSealedBy(t, one))
})
