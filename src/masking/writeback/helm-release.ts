import { parseDocument } from 'yaml'
import type { JsonDocument, Node } from '../../kubernetes/json/document.ts'
import { readJson } from '../../kubernetes/json/read-json.ts'
import { mayHoldPlaceholder } from '../placeholder.ts'
import { type Atlas, elementsOf, type Masking, maskingsBetween, readAtlas } from './atlas.ts'
import { unpack } from './packed.ts'

/**
 * Helm reads a release, which is masked, and writes parts of it elsewhere: into the Secret of the next version, and, when it
 * rolls back, into the objects of its manifest. Those are the two further places where a placeholder of a release
 * belongs: the same place of a release of the same name, and the object that the manifest is of.
 */
export interface HelmOwner {
  readonly namespace: string
  /** Undefined for a hook, which does not say of which release it is. */
  readonly release: string | undefined
}

/** One stored version of a release. */
export interface HelmRelease {
  readonly atlas: Atlas
  readonly real: JsonDocument
  readonly seen: JsonDocument
}

/** Of what a write is; `name` and `namespace` as in its URL, or for a new object in its body. */
export interface WrittenObject {
  readonly group: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
}

const LIMITS = { maximumBytes: 32 * 1024 * 1024, maximumDepth: 200, maximumTokens: 4_000_000 }
const NAME = /^[A-Za-z0-9._-]{1,63}$/
const ANNOTATION = 'meta.helm.sh/release-'

/** The release that an object says it is of, or is itself; null when it says none. */
export function helmOwner(object: JsonDocument, namespace: string): HelmOwner | null {
  const metadata = object.member(0, 'metadata')
  const labels = object.member(metadata, 'labels')
  const text = (node: Node | undefined, name: string): string => object.text(object.member(node, name)) ?? ''
  if (text(labels, 'owner') === 'helm') return ownerOf(namespace, text(labels, 'name'))
  const annotations = object.member(metadata, 'annotations')
  const release = text(annotations, `${ANNOTATION}name`)
  if (release !== '') return ownerOf(text(annotations, `${ANNOTATION}namespace`), release)
  if (text(annotations, 'helm.sh/hook') !== '' && NAME.test(namespace))
    return { namespace, release: undefined }
  return null
}

function ownerOf(namespace: string, release: string): HelmOwner | null {
  return NAME.test(namespace) && NAME.test(release) ? { namespace, release } : null
}

/** Where the API server lists the versions of a release. */
export function releasesPath({ namespace, release }: HelmOwner): string {
  const selector = release === undefined ? 'owner=helm' : `owner=helm,name=${release}`
  return `/api/v1/namespaces/${namespace}/secrets?labelSelector=${encodeURIComponent(selector)}`
}

/**
 * The releases of a list, newest first, each opened only when it is asked for. `mask` makes the view of one Secret that its
 * reader has.
 */
export function* readReleases(list: Buffer, mask: (secret: Buffer) => Buffer | null): Generator<HelmRelease> {
  const document = readJson(list, LIMITS)
  if ('refused' in document) return
  const items = document.member(0, 'items')
  const found = items === undefined ? [] : elementsOf(document, items)
  for (const item of [...found].sort((a, b) => versionOf(document, b) - versionOf(document, a))) {
    const secret = list.subarray(document.offset(item), document.end(item))
    const masked = mask(secret)
    if (masked === null) continue
    const atlas = readAtlas(secret, masked)
    const real = releaseIn(secret)
    const seen = releaseIn(masked)
    if (atlas !== null && real !== null && seen !== null) yield { atlas, real, seen }
  }
}

function versionOf(document: JsonDocument, item: Node): number {
  const labels = document.member(document.member(item, 'metadata'), 'labels')
  return Number(document.text(document.member(labels, 'version')) ?? 0)
}

function releaseIn(secret: Buffer): JsonDocument | null {
  const document = readJson(secret, LIMITS)
  if ('refused' in document) return null
  const packed = unpack(document.text(document.member(document.member(0, 'data'), 'release')) ?? '')
  const release = packed === null ? null : readJson(packed.plain, LIMITS)
  return release === null || 'refused' in release ? null : release
}

/** The next version of a release: what stood at a place of an older one stands there again. */
export function homeInRelease({ atlas }: HelmRelease): Pick<Atlas, 'at'> {
  return { at: place => (place.startsWith('/data/release') ? atlas.at(place) : []) }
}

/** An object of a release: what its manifest says at a place. Null when the release has no such object. */
export function homeInManifest(release: HelmRelease, of: WrittenObject): Pick<Atlas, 'at'> | null {
  for (const [real, seen] of manifestsOf(release)) {
    const home = homeInTexts(real, seen, of)
    if (home !== null) return home
  }
  return null
}

function manifestsOf({ real, seen }: HelmRelease): [string, string][] {
  const texts = (document: JsonDocument): string[] => {
    const hooks = document.member(0, 'hooks')
    const all = [document.member(0, 'manifest')]
    if (hooks !== undefined)
      all.push(...elementsOf(document, hooks).map(hook => document.member(hook, 'manifest')))
    return all.map(node => document.text(node) ?? '')
  }
  const others = texts(seen)
  return texts(real).map((text, i) => [text, others[i] ?? ''])
}

function homeInTexts(real: string, seen: string, of: WrittenObject): Pick<Atlas, 'at'> | null {
  const reals = real.split(/^---.*$/m)
  const seens = seen.split(/^---.*$/m)
  if (reals.length !== seens.length) return null
  for (const [i, part] of seens.entries()) {
    if (!part.includes(of.name) || !mayHoldPlaceholder(Buffer.from(part))) continue
    const view = parsed(part)
    const value = parsed(reals[i]!)
    if (view === null || value === null || !isOf(view, of) || !isOf(value, of)) continue
    const maskings = maskingsBetween(Buffer.from(JSON.stringify(value)), Buffer.from(JSON.stringify(view)))
    if (maskings !== null) return { at: (place): readonly Masking[] => maskings.get(place) ?? [] }
  }
  return null
}

function parsed(text: string): unknown {
  const document = parseDocument(text, { uniqueKeys: false })
  return document.errors.length > 0 ? null : document.toJS({ maxAliasCount: 100 })
}

function isOf(value: unknown, of: WrittenObject): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { apiVersion, kind, metadata } = value as Readonly<Record<string, unknown>>
  if (typeof apiVersion !== 'string' || typeof metadata !== 'object' || metadata === null) return false
  const { name, namespace } = metadata as Readonly<Record<string, unknown>>
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : ''
  const isThere = namespace === undefined || namespace === of.namespace
  return kind === of.kind && group === of.group && name === of.name && isThere
}
