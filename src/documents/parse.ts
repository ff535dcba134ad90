import { API_VERSION } from '../brand.ts'
import { type ConfigDocument, documentKinds, type KindTable } from './kinds.ts'
import { errorsOf, type Problem } from './problem.ts'
import { didYouMean } from './suggest.ts'
import { validateDocument } from './validate-document.ts'
import { type Path, type Position, readYaml, type SourceDocument } from './yaml-source.ts'

export interface SourceText {
  /** Name for messages; never opened here. */
  readonly file: string
  readonly text: string
}

/** A valid document and where it is written. */
export interface LocatedDocument<T = ConfigDocument> {
  readonly document: T
  readonly file: string
  readonly start: Position
  locate(path: Path): Position
  /** Where a place inside the text at `path` stands; line and column of the text count from 1. */
  locateText(path: Path, line: number, column: number): Position
}

export interface ParsedSources<T = ConfigDocument> {
  readonly documents: readonly LocatedDocument<T>[]
  readonly problems: readonly Problem[]
}

/**
 * Reads texts of one or more YAML or JSON documents each and validates every document by its kind. Pure. What has an
 * error is left out of `documents`; whoever applies them looks at the problems first.
 */
export function parseDocuments(sources: readonly SourceText[]): ParsedSources {
  return parseKinds<ConfigDocument>(sources, documentKinds)
}

/** The same for another table of kinds. */
export function parseKinds<T extends NamedDocument>(
  sources: readonly SourceText[],
  kinds: KindTable,
): ParsedSources<T> {
  const documents: LocatedDocument<T>[] = []
  const problems: Problem[] = []
  for (const { file, text } of sources) {
    const read = readYaml(text, file)
    problems.push(...read.problems)
    for (const source of read.documents) {
      const found = headProblems(source, file, kinds)
      const schema = found.length === 0 ? kinds[(source.value as NamedDocument).kind] : undefined
      if (schema !== undefined) found.push(...validateDocument(schema, source, file))
      problems.push(...found)
      if (errorsOf(found).length > 0) continue
      documents.push({
        document: source.value as T,
        file,
        start: source.start,
        locate: path => source.locate(path),
        locateText: (path, line, column) => source.locateText(path, line, column),
      })
    }
  }
  problems.push(...duplicates(documents))
  return { documents, problems }
}

interface NamedDocument {
  readonly kind: string
  readonly metadata: { readonly name: string }
}

/** apiVersion and kind decide which schema applies, so they are judged before it. */
function headProblems(source: SourceDocument, file: string, kinds: KindTable): Problem[] {
  const report = (path: Path, message: string): Problem[] => [
    { file, ...source.locate(path), path: path.join('.'), message, severity: 'error' },
  ]
  if (typeof source.value !== 'object' || source.value === null || Array.isArray(source.value)) {
    return report([], 'must be a document: a mapping with apiVersion, kind, metadata and spec')
  }
  const { apiVersion, kind } = source.value as Record<string, unknown>
  if (apiVersion !== API_VERSION) {
    return report(
      ['apiVersion'],
      `must be ${API_VERSION}${apiVersion === undefined ? ', and is missing' : ''}`,
    )
  }
  if (typeof kind === 'string' && Object.hasOwn(kinds, kind)) return []
  const known = Object.keys(kinds)
  const hint = typeof kind === 'string' ? didYouMean(kind, known) : ''
  return report(['kind'], `must be one of ${known.join(', ')}${hint}`)
}

function duplicates(documents: readonly LocatedDocument<NamedDocument>[]): Problem[] {
  const seen = new Map<string, LocatedDocument<NamedDocument>>()
  const problems: Problem[] = []
  for (const located of documents) {
    const { kind, metadata } = located.document
    const key = `${kind}/${metadata.name}`
    const first = seen.get(key)
    if (first === undefined) {
      seen.set(key, located)
      continue
    }
    problems.push({
      file: located.file,
      ...located.locate(['metadata', 'name']),
      path: 'metadata.name',
      message: `there is another ${kind} named ${metadata.name} at ${first.file}:${first.start.line}`,
      severity: 'error',
    })
  }
  return problems
}
