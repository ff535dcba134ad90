const LAST_APPLIED = '/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration#'

/** What kubectl keeps of an object within the object is the same places again. */
export function canonical(pointer: string): string {
  return pointer.startsWith(LAST_APPLIED) ? pointer.slice(LAST_APPLIED.length) : pointer
}

/** Texts are searched and remembered as the bytes of their UTF-8, each a character. */
export function asBytes(text: string): string {
  return ASCII.test(text) ? text : Buffer.from(text).toString('latin1')
}

const ASCII = /^[\x00-\x7f]*$/
