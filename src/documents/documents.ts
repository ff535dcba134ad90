import { Refusal } from '../errors/refusal.ts'
import { type Change, type StateStore, StoreConflict } from '../store/store.ts'
import { canonicalJson, documentKey, toYaml } from './canonical.ts'
import { crossReferenceProblems } from './cross-references.ts'
import { type DocumentRecord, type DocumentRef, type DocumentSet, mergeDocuments } from './document-set.ts'
import { type PolicyVersion, policyHistory, policyVersion, versionsOf } from './history.ts'
import { loadStored, STORE_KIND, type StoredDocument } from './load-stored.ts'
import { type LocatedDocument, parseDocuments, type SourceText } from './parse.ts'
import { DocumentsInvalid, errorsOf, type Problem } from './problem.ts'
import { readDirectory } from './read-directory.ts'

export interface DocumentsOptions {
  readonly store: StateStore
  /** Directory of YAML files; absent: documents come from the store only. */
  readonly configDir?: string
  /** What else must hold for the whole set, e.g. `policyProblems`. Pure. */
  readonly validate: (documents: readonly LocatedDocument[]) => readonly Problem[]
  /**
   * What a change must not bring about, beyond `validate`: errors of it that were not there before refuse the change. At
   * start-up they are warnings: a gateway that holds for ever is better than one that does not come up. Pure.
   */
  readonly validateChange?: (documents: readonly LocatedDocument[]) => readonly Problem[]
  readonly now?: () => number
}

export interface ApplyRequest {
  readonly sources: readonly SourceText[]
  readonly remove?: readonly DocumentRef[]
  readonly dryRun: boolean
  /** `Kind/name` to the version that the caller has seen; 0: must not exist. Another version is Refusal `conflict`. */
  readonly versions?: Readonly<Record<string, number>>
  /** User name of who changes it, for the history. */
  readonly by?: string
  /** Runs when the change is known to be valid and before it takes effect; if it rejects, nothing changes. */
  readonly beforeCommit?: (changes: readonly DocumentChange[]) => Promise<void>
}

export interface DocumentChange extends DocumentRef {
  readonly change: 'create' | 'update' | 'unchanged' | 'delete'
  /** After the change (in a dry run: before it); null where there is none. */
  readonly version: number | null
  /** YAML before and after; null where there is none. */
  readonly before: string | null
  readonly after: string | null
}

export interface Documents {
  current(): DocumentSet
  /** Warnings of the present set; errors never take effect. */
  warnings(): readonly Problem[]
  /** All or nothing. Rejects with `DocumentsInvalid` or Refusal `conflict`. */
  apply(request: ApplyRequest): Promise<readonly DocumentChange[]>
  /** Reads directory and store again. With errors the present set stays, and they are returned. */
  reload(): Promise<readonly Problem[]>
  /** Follows changes that other replicas made; cheap when there are none. Like `reload` for errors. */
  refresh(): Promise<readonly Problem[]>
  /** Versions of a policy of the store, newest first; none for what only ever stood in files. */
  history(policy: string): Promise<readonly PolicyVersion[]>
  version(policy: string, number: number): Promise<PolicyVersion | undefined>
  /** Called with each new set, after it took effect. Returns how to stop. */
  subscribe(listener: (set: DocumentSet) => void): () => void
}

/** Grows with each change of any document, so that two replicas cannot apply sets that were judged apart. */
export const GENERATION = { kind: 'document-set', key: 'generation' } as const

interface State {
  readonly set: DocumentSet
  readonly files: readonly DocumentRecord[]
  readonly stored: readonly DocumentRecord[]
  readonly generation: number
  readonly warnings: readonly Problem[]
}

/**
 * The configuration of the gateway: documents of a directory and of the store, judged as one set. Fails closed:
 * rejects with `DocumentsInvalid`, all errors listed, when there is any at start-up.
 */
export async function createDocuments(options: DocumentsOptions): Promise<Documents> {
  const { store } = options
  const now = options.now ?? Date.now
  const listeners = new Set<(set: DocumentSet) => void>()
  const first = await load(options)
  if (!('set' in first)) throw new DocumentsInvalid(first.problems)
  let state: State = first
  // One change at a time: each is judged against the set that it will change.
  let queue: Promise<unknown> = Promise.resolve()

  function exclusive<T>(work: () => Promise<T>): Promise<T> {
    const run = queue.then(work, work)
    queue = run.catch(() => undefined)
    return run
  }

  function become(next: State): void {
    const changed = next.set.digest !== state.set.digest
    state = next
    if (changed) for (const listener of [...listeners]) listener(next.set)
  }

  async function reload(): Promise<readonly Problem[]> {
    const next = await load(options)
    if (!('set' in next)) return next.problems
    become(next)
    return []
  }

  async function apply(request: ApplyRequest): Promise<readonly DocumentChange[]> {
    const parsed = parseDocuments(request.sources)
    if (errorsOf(parsed.problems).length > 0) throw new DocumentsInvalid(parsed.problems)
    const plan = planChanges(state, parsed.documents, request, now())
    const judged = judge(options, state.files, plan.stored)
    if (errorsOf(judged.problems).length > 0) throw new DocumentsInvalid(judged.problems)
    refuseNewProblems(options, state, plan)
    if (request.dryRun) return plan.changes
    await request.beforeCommit?.(plan.changes)
    if (plan.writes.length === 0) return plan.changes
    const generation: Change =
      state.generation === 0
        ? { op: 'create', ...GENERATION, value: now() }
        : { op: 'update', ...GENERATION, value: now(), version: state.generation }
    const kept = await versionsOf(store, plan.changes, request.by ?? '', now())
    const written = await store.commit([...plan.writes, ...kept, generation]).catch((cause: unknown) => {
      if (!(cause instanceof StoreConflict)) throw cause
      throw new Refusal('conflict', { check: 'version', detail: cause.message, cause })
    })
    const versions = new Map(written.filter(w => w.kind === STORE_KIND).map(w => [w.key, w.version]))
    const stored = plan.stored.map(r => ({
      ...r,
      version: versions.get(documentKey(r.document)) ?? r.version,
    }))
    const { set } = mergeDocuments(state.files, stored)
    const generationNow = written.find(w => w.kind === GENERATION.kind)?.version ?? state.generation + 1
    become({ ...state, set, stored, generation: generationNow, warnings: judged.problems })
    return plan.changes.map(c =>
      c.change === 'delete' ? c : { ...c, version: versions.get(`${c.kind}/${c.name}`) ?? c.version },
    )
  }

  return {
    current: () => state.set,
    warnings: () => state.warnings,
    apply: request => exclusive(() => apply(request)),
    reload: () => exclusive(reload),
    refresh: () =>
      exclusive(async () => {
        const generation = await store.get(GENERATION.kind, GENERATION.key)
        return (generation?.version ?? 0) === state.generation ? [] : reload()
      }),
    history: name => policyHistory(store, name),
    version: (name, number) => policyVersion(store, name, number),
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

async function load(options: DocumentsOptions): Promise<State | { problems: readonly Problem[] }> {
  const generation = await options.store.get(GENERATION.kind, GENERATION.key)
  const problems: Problem[] = []
  let files: DocumentRecord[] = []
  if (options.configDir !== undefined) {
    const read = await readDirectory(options.configDir)
    const parsed = parseDocuments(read.sources)
    problems.push(...read.problems, ...parsed.problems)
    files = parsed.documents.map(fileRecord)
  }
  const stored = await loadStored(options.store)
  problems.push(...stored.problems)
  const judged = judge(options, files, stored.records)
  problems.push(...judged.problems)
  if (errorsOf(problems).length > 0) return { problems }
  return {
    set: judged.set,
    files,
    stored: stored.records,
    generation: generation?.version ?? 0,
    warnings: problems,
  }
}

function refuseNewProblems({ validateChange }: DocumentsOptions, state: State, plan: Plan): void {
  if (validateChange === undefined) return
  const known = new Set(validateChange(state.set.records.map(r => r.located)).map(p => p.message))
  const { set } = mergeDocuments(state.files, plan.stored)
  const fresh = errorsOf(validateChange(set.records.map(r => r.located))).filter(p => !known.has(p.message))
  if (fresh.length > 0) throw new DocumentsInvalid(fresh)
}

function judge(
  options: DocumentsOptions,
  files: readonly DocumentRecord[],
  stored: readonly DocumentRecord[],
): { set: DocumentSet; problems: Problem[] } {
  const { set, problems } = mergeDocuments(files, stored)
  const located = set.records.map(r => r.located)
  const later = (options.validateChange?.(located) ?? []).map(p => ({ ...p, severity: 'warning' as const }))
  return {
    set,
    problems: [...problems, ...crossReferenceProblems(located), ...options.validate(located), ...later],
  }
}

function fileRecord(located: LocatedDocument): DocumentRecord {
  const { document, file } = located
  return {
    kind: document.kind,
    name: document.metadata.name,
    document,
    version: 1,
    source: 'file',
    file,
    located,
  }
}

interface Plan {
  readonly changes: DocumentChange[]
  readonly writes: Change[]
  readonly stored: DocumentRecord[]
}

function planChanges(
  state: State,
  documents: readonly LocatedDocument[],
  request: ApplyRequest,
  updatedAt: number,
): Plan {
  const changes: DocumentChange[] = []
  const writes: Change[] = []
  const stored = new Map(state.stored.map(r => [documentKey(r.document), r]))
  for (const located of documents) {
    const { document } = located
    const key = documentKey(document)
    const present = writable(state, key, request)
    const ref = { kind: document.kind, name: document.metadata.name }
    const before = present === undefined ? null : toYaml(present.document)
    const after = toYaml(document)
    if (present !== undefined && canonicalJson(present.document) === canonicalJson(document)) {
      changes.push({ ...ref, change: 'unchanged', version: present.version, before, after })
      continue
    }
    const value: StoredDocument = { document, updatedAt }
    writes.push(
      present === undefined
        ? { op: 'create', kind: STORE_KIND, key, value }
        : { op: 'update', kind: STORE_KIND, key, value, version: present.version },
    )
    const version = present?.version ?? null
    changes.push({ ...ref, change: present === undefined ? 'create' : 'update', version, before, after })
    stored.set(key, { ...ref, document, version: version ?? 1, source: 'api', updatedAt, located })
  }
  for (const ref of request.remove ?? []) {
    const key = `${ref.kind}/${ref.name}`
    if (changes.some(c => `${c.kind}/${c.name}` === key)) {
      throw new Refusal('input-invalid', { check: 'document', detail: `${key} is named twice` })
    }
    const present = writable(state, key, request)
    if (present === undefined) {
      throw new Refusal('resource-unknown', { check: 'document', detail: `there is no ${key}` })
    }
    writes.push({ op: 'delete', kind: STORE_KIND, key, version: present.version })
    changes.push({ ...ref, change: 'delete', version: null, before: toYaml(present.document), after: null })
    stored.delete(key)
  }
  return { changes, writes, stored: [...stored.values()] }
}

/** The stored document of this key, if it may be changed and is the one that the caller has seen. */
function writable(state: State, key: string, request: ApplyRequest): DocumentRecord | undefined {
  const file = state.files.find(r => documentKey(r.document) === key)
  if (file !== undefined) {
    throw new Refusal('conflict', {
      check: 'owned-by-file',
      detail: `${key} is owned by the file ${file.file}`,
    })
  }
  const present = state.stored.find(r => documentKey(r.document) === key)
  const seen = request.versions
  if (seen !== undefined && Object.hasOwn(seen, key) && seen[key] !== (present?.version ?? 0)) {
    const detail = `${key} is at version ${present?.version ?? 0}, not ${seen[key]}`
    throw new Refusal('conflict', { check: 'version', detail })
  }
  return present
}
