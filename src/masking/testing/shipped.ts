import { createSecretKey } from 'node:crypto'
import { plausible } from '../detect/plausible.ts'
import { createMaskEngines } from '../engines.ts'
import { createFingerprints } from '../fingerprints/fingerprints.ts'
import { FINGERPRINT_RULE } from '../fingerprints/rule.ts'
import type { MaskEngine } from '../json/mask-engine.ts'
import { createPlaceholders } from '../placeholder.ts'
import { compileMasking } from '../rules/compile.ts'
import { shippedDetectors } from '../rules/detectors.ts'

/** The shipped rules as a caller without exemptions meets them, with keys of its own. */
export function shippedEngine(): MaskEngine {
  const fingerprints = createFingerprints({
    key: createSecretKey(Buffer.alloc(32, 3)),
    rule: FINGERPRINT_RULE,
  })
  const rules = compileMasking([], shippedDetectors).for({
    connection: 'test',
    principal: {
      issuer: '',
      subject: 'someone',
      kind: 'person',
      username: 'someone',
      groups: [],
      authentication: { method: 'session', provider: '', validUntil: 0, credentialDigest: '' },
    },
    namespace: '',
    direction: 'response',
    now: 0,
  })
  return createMaskEngines({
    placeholders: createPlaceholders(Buffer.alloc(32, 7)),
    fingerprints,
    fingerprintOf: value => fingerprints.fingerprintOf(value),
    plausible,
  })(rules)
}
