/** What is known of one object of an answer when it has passed. Empty: not there. */
export interface ObjectFacts {
  namespace: string
  name: string
  uid: string
  resourceVersion: string
  readonly labels: Map<string, string>
}

export interface FilterOptions {
  /** `single`: one object, or the Table of it. */
  readonly form: 'list' | 'watch' | 'single'
  /** Asked about every object that has a name; those without one are never shown. */
  readonly shows: (object: ObjectFacts) => boolean
  /** Rows carry metadata that the caller did not ask for (`includeObject=None`): it is left out again. */
  readonly bareRows: boolean
  /** Of a watch: it begins with all objects that there are, so what was not shown is not known to the caller. */
  readonly fromStart: boolean
  /** Bytes of one object. */
  readonly largestObject?: number
  /** Of a watch: objects that are remembered. */
  readonly most?: number
}

/** A row of a Table; offsets in the stream, 0: not there. */
export interface Row {
  readonly facts: ObjectFacts
  objectStart: number
  objectEnd: number
}

/** Replaces the bytes from `start` to `end`, offsets in the stream. */
export interface Replacement {
  readonly start: number
  readonly end: number
  readonly text: string | Uint8Array
}

export function noFacts(): ObjectFacts {
  return { namespace: '', name: '', uid: '', resourceVersion: '', labels: new Map() }
}
