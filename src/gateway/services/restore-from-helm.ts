import { readJson } from '../../kubernetes/json/read-json.ts'
import type { MaskEngine } from '../../masking/json/mask-engine.ts'
import { maskRequest } from '../../masking/request/mask-request.ts'
import type { Atlas } from '../../masking/writeback/atlas.ts'
import {
  type HelmRelease,
  helmOwner,
  homeInManifest,
  homeInRelease,
  readReleases,
  releasesPath,
  type WrittenObject,
} from '../../masking/writeback/helm-release.ts'
import type { Misplaced } from '../../masking/writeback/restore.ts'
import { type Restored, restoreBody, type WriteForm } from '../../masking/writeback/restore-body.ts'
import type { Decided } from '../exchange.ts'
import type { Gateway } from '../gateway.ts'

/**
 * A write with placeholders that do not belong to the live object, if it is one of Helm's: they may be of an older version of
 * the same release, at the same place of it or in the manifest that says what this object is. Null: it is none of Helm's.
 */
export async function restoreFromHelm(
  gateway: Gateway,
  x: Decided,
  engine: MaskEngine,
  live: Buffer | null,
  atlas: Atlas,
): Promise<Restored | Misplaced | null> {
  const bytes = x.body.bytes!
  const written = readJson(bytes)
  if ('refused' in written || x.answerKind === null || x.action.subresource !== '') return null
  const metadata = written.member(0, 'metadata')
  const object: WrittenObject = {
    ...x.answerKind,
    namespace: x.action.namespace,
    name: x.action.name || (written.text(written.member(metadata, 'name')) ?? ''),
  }
  const kept = live === null ? null : readJson(live)
  const owner =
    helmOwner(written, object.namespace) ??
    (kept === null || 'refused' in kept ? null : helmOwner(kept, object.namespace))
  if (owner === null) return null
  const { status, body } = await gateway.readLive(x, releasesPath(owner))
  if (status !== 200) return null
  const releases = readReleases(body, secret => {
    const masked = maskRequest(engine, secret, { group: '', kind: 'Secret' }, 'object')
    return masked === null ? null : Buffer.concat(masked.bytes)
  })
  let first: Restored | Misplaced | null = null
  for (const home of homesOf(releases, object)) {
    const at = (place: string) => [...atlas.at(place), ...home.at(place)]
    const restored = restoreBody(bytes, x.action.body!.form as WriteForm, { ...atlas, at })
    if (restored !== null && !('misplaced' in restored)) return restored
    first ??= restored
  }
  return first
}

function* homesOf(releases: Iterable<HelmRelease>, object: WrittenObject): Iterable<Pick<Atlas, 'at'>> {
  const isRelease =
    object.group === '' && object.kind === 'Secret' && /^sh\.helm\.release\.v1\./.test(object.name)
  for (const release of releases) {
    const home = isRelease ? homeInRelease(release) : homeInManifest(release, object)
    if (home !== null) yield home
  }
}
