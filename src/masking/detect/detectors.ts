import { cloudKeys } from './cloud-keys.ts'
import { commandLines } from './command-lines.ts'
import { connectionStrings } from './connection-strings.ts'
import type { Detector } from './detector.ts'
import { passwordHashes } from './hashes.ts'
import { httpCredentials } from './http-credentials.ts'
import { jwt } from './jwt.ts'
import { keyValues } from './key-values.ts'
import { bootstrapToken, knownTokens } from './known-tokens.ts'
import { personalData } from './personal.ts'
import { bareKeys, privateKeys } from './private-keys.ts'

/** All detectors, in the order in which they win where two find the same place. */
const all: readonly Detector[] = [
  privateKeys,
  bareKeys,
  jwt,
  ...cloudKeys,
  ...knownTokens,
  bootstrapToken,
  connectionStrings,
  ...httpCredentials,
  passwordHashes,
  keyValues,
  ...commandLines,
  ...personalData,
]

export const detectors: ReadonlyMap<string, Detector> = new Map(
  all.map(detector => [detector.name, detector]),
)

/** What is on with no configuration: all but data about people. */
export const defaultDetectors: readonly string[] = all.filter(d => !d.personal).map(d => d.name)
