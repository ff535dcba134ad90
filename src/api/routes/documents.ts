import { diffText } from '../../documents/diff.ts'
import { Refusal } from '../../errors/refusal.ts'
import { invalidSources } from '../invalid.ts'
import { apiVersion, listOf, optionalTime, pageOf } from '../present.ts'
import { type Route, route } from '../route.ts'
import {
  appliedSchema,
  applyBody,
  deleteQuery,
  documentEnvelope,
  documentParams,
  documentsQuery,
  documentsSchema,
  putBody,
  versionQuery,
} from '../schema/documents.ts'
import type { ApiServices, DocumentChange, DocumentRecord } from '../services.ts'

export function documentRoutes(services: ApiServices): Route[] {
  const { documents } = services
  return [
    route({
      method: 'GET',
      path: '/v1/documents',
      summary: 'Documents: connections, identity providers, policies and what else there is',
      query: documentsQuery,
      response: documentsSchema,
      handle: async x =>
        listOf('DocumentList', await documents.list(x.query.kind, pageOf(x.query)), recordOf),
    }),
    route({
      method: 'GET',
      path: '/v1/documents/:kind/:name',
      summary: 'One document',
      params: documentParams,
      response: documentEnvelope,
      handle: async x => {
        const { kind, name } = x.params
        const record = await documents.get(kind, name)
        if (record === undefined) throw unknown(kind, name)
        return { apiVersion, kind: 'Document', item: recordOf(record) }
      },
    }),
    route({
      method: 'PUT',
      path: '/v1/documents/:kind/:name',
      summary: 'Write one document; ?version refuses to overwrite a later one, 0 means "must not exist"',
      params: documentParams,
      query: versionQuery,
      body: putBody,
      response: appliedSchema,
      handle: async x => {
        const { kind, name } = x.params
        if (x.body.kind !== kind || x.body.metadata.name !== name) {
          throw new Refusal('input-invalid', {
            check: 'document-name',
            detail: 'kind and metadata.name must be those of the path',
          })
        }
        const sources = [{ file: `${kind}/${name}`, text: JSON.stringify(x.body, null, 2) }]
        const { problems } = documents.parse(sources)
        if (problems.some(p => p.severity === 'error')) throw invalidSources(problems)
        const { version } = x.query
        const versions = version === undefined ? {} : { [`${kind}/${name}`]: version }
        const changes = await documents.apply(x.caller.principal, x.call, {
          sources,
          dryRun: false,
          versions,
        })
        return applied(changes, false)
      },
    }),
    route({
      method: 'DELETE',
      path: '/v1/documents/:kind/:name',
      summary: 'Delete one document; ?version refuses to delete a later one',
      params: documentParams,
      query: deleteQuery,
      response: appliedSchema,
      handle: async x =>
        applied([await documents.remove(x.caller.principal, x.call, x.params, x.query.version)], false),
    }),
    route({
      method: 'POST',
      path: '/v1/documents/apply',
      summary: 'Apply YAML or JSON sources, all or nothing; with dryRun only say what would change',
      body: applyBody,
      response: appliedSchema,
      handle: async x => {
        const changes = await documents.apply(x.caller.principal, x.call, x.body)
        // Errors of the sources alone may be none of the set: what matters of those has been judged by now.
        const warnings = services.policy.check(x.body.sources).filter(p => p.severity === 'warning')
        return { ...applied(changes, x.body.dryRun), ...(warnings.length === 0 ? {} : { warnings }) }
      },
    }),
  ]
}

function applied(changes: readonly DocumentChange[], dryRun: boolean) {
  return {
    apiVersion,
    kind: 'ApplyResult',
    dryRun,
    changes: changes.map(c => ({
      kind: c.kind,
      name: c.name,
      change: c.change,
      version: c.version,
      diff: diffText(c.before, c.after, `${c.kind}/${c.name}`),
    })),
  }
}

function recordOf(r: DocumentRecord) {
  return {
    kind: r.kind,
    name: r.name,
    version: r.version,
    source: r.source,
    ...(r.file === undefined ? {} : { file: r.file }),
    ...optionalTime('updatedAt', r.updatedAt),
    document: { ...r.document },
  }
}

function unknown(kind: string, name: string): Refusal {
  return new Refusal('resource-unknown', { check: 'document', detail: `there is no ${kind} ${name}` })
}
