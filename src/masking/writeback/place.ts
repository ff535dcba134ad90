/** One segment of a place: a member's name, an element's number, or `[name=…]`. */
export type Step = string

export function segmentOf(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
