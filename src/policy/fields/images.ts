import type { RuleMatch } from '../../documents/schema/policy.ts'
import type { BodyFacts, KubernetesAction } from '../../kubernetes/action.ts'
import { compileGlob, type Glob } from '../glob.ts'
import { ANYTHING, PLAIN_DATA, patchedObject } from '../pod-spec.ts'

/** Images that a body names, in full form; null: there is no body that could be read, or it hides some. */
export type Images = readonly string[] | null

export interface ImageMatch {
  /** Every image of the body is as the rule says; null: not known. */
  all(images: Images): boolean | null
  /** Some image is. */
  some(images: Images): boolean | null
  readonly words: string
}

export function compileImages(spec: RuleMatch['images']): ImageMatch | null {
  if (spec === undefined) return null
  const patterns = (spec.from ?? spec.notFrom!).map(compilePattern)
  const wanted = spec.from !== undefined
  const is = (image: string): boolean => {
    const at = image.indexOf('/')
    const host = image.slice(0, at)
    const path = image.slice(at + 1)
    return patterns.some(pattern => pattern(host, path)) === wanted
  }
  const words = `${wanted ? 'from' : 'not from'} ${(spec.from ?? spec.notFrom!).join(', ')}`
  return {
    all: images => (images === null ? null : images.every(is)),
    some: images => (images === null ? null : images.some(is)),
    words,
  }
}

/** Registry and path apart: a star in the one must not swallow a part of the other. */
function compilePattern(text: string): (host: string, path: string) => boolean {
  const slash = text.indexOf('/')
  const host: Glob = compileGlob(text.slice(0, slash).toLowerCase())
  const rest = text.slice(slash + 1)
  const path = compileGlob(rest)
  // `registry.example.com/app` is the image whatever its tag.
  const anyTag = /[:@]|\*$/.test(rest) ? null : [compileGlob(`${rest}:*`), compileGlob(`${rest}@*`)]
  return (h, p) =>
    host.matches(h) && (anyTag === null ? path.matches(p) : anyTag.some(pattern => pattern.matches(p)))
}

/** What is wrong with a pattern for images; undefined: nothing. */
export function imagePatternFault(text: string): string | undefined {
  const slash = text.indexOf('/')
  const host = text.slice(0, Math.max(slash, 0))
  if (slash < 1 || slash === text.length - 1 || !/[.:*]|^localhost$/.test(host)) {
    return 'must begin with a registry, such as registry.example.com/* or docker.io/library/nginx'
  }
  if (host !== '*' && /\*(?!$)(?!\.)|.\*$/.test(host)) {
    return 'a star in the registry stands for the beginning of its name only, as in *.example.com/*'
  }
  return undefined
}

const known = new WeakMap<BodyFacts, Images>()
const WRITES: ReadonlySet<string> = new Set(['create', 'update', 'patch'])

/** The images of an action's body, whatever kind of object it is and however deep they stand in it. */
export function imagesOf(action: KubernetesAction): Images {
  const { body } = action
  // Recorded calls carry what was found then.
  if (action.images !== undefined) return action.images
  if (body === null || !WRITES.has(action.verb)) return null
  if (action.apiGroup === '' && PLAIN_DATA.has(action.resource)) return NONE
  if (action.apiGroup === 'apiextensions.k8s.io') return NONE
  let images = known.get(body)
  if (images === undefined) {
    images = body.object === undefined || body.object === null ? null : gather(body.object)
    known.set(body, images)
  }
  return images
}

const NONE: readonly string[] = Object.freeze([])

function gather(body: unknown): Images {
  const found = new Set<string>()
  const stack: unknown[] = Array.isArray(body) ? body.map(patchedObject) : [body]
  while (stack.length > 0) {
    const at = stack.pop()
    if (at === ANYTHING) return null
    if (Array.isArray(at)) {
      for (const item of at) stack.push(item)
      continue
    }
    if (typeof at !== 'object' || at === null) continue
    for (const key of Object.keys(at)) {
      const value = (at as Record<string, unknown>)[key]
      if (value === ANYTHING) return null
      if (key === 'image' && value !== null) {
        const image = imageText(value)
        if (image === null) return null
        if (image !== '') found.add(fullImageName(image))
      } else if (TEXT_MAPS.has(key) && isTextMap(value)) continue
      else stack.push(value)
    }
  }
  return [...found].sort()
}

/** Keys in these are anybody's words; what holds only text cannot hold a container. */
const TEXT_MAPS: ReadonlySet<string> = new Set(['labels', 'annotations', 'matchLabels', 'nodeSelector'])

function isTextMap(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every(v => typeof v === 'string')
  )
}

/** Of a container a text, of an image volume an object with `reference`; '' for none, null for what is neither. */
function imageText(value: unknown): string | null {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  const { reference } = value as Record<string, unknown>
  if (reference === undefined) return Object.keys(value).length === 1 && 'pullPolicy' in value ? '' : null
  return typeof reference === 'string' ? reference : null
}

/**
 * `nginx` is `docker.io/library/nginx:latest` (github.com/distribution/reference, ParseNormalizedNamed and TagNameOnly): a rule
 * on the full name must not be passed by writing the short one. Host names are compared in lower case.
 */
export function fullImageName(image: string): string {
  const slash = image.indexOf('/')
  const first = slash < 0 ? '' : image.slice(0, slash)
  const hasHost = /[.:]|^localhost$|[A-Z]/.test(first)
  let host = hasHost ? first.toLowerCase() : 'docker.io'
  let path = hasHost ? image.slice(slash + 1) : image
  if (host === 'index.docker.io') host = 'docker.io'
  if (host === 'docker.io' && !path.includes('/')) path = `library/${path}`
  const last = path.slice(path.lastIndexOf('/') + 1)
  return `${host}/${path}${/[:@]/.test(last) ? '' : ':latest'}`
}
