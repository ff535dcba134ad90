import type { Access, access, Judged } from '../api/access.ts'
import type { Reply } from './reply.ts'
import type { PageServices } from './services.ts'
import { ID, type SignedVisit } from './visit.ts'

type Decided = Extract<Access, { kind: 'decided' }>

/** A page for somebody who is signed in. */
export interface PageRoute {
  readonly method: 'GET' | 'POST'
  readonly path: RegExp
  /** The route of the API that does the same: who may use it is said there, once. Or what it takes, where there is none. */
  readonly like: keyof typeof access | Decided
  query?(services: PageServices, visit: SignedVisit): Judged['query']
  reply(services: PageServices, visit: SignedVisit, id: string, form: URLSearchParams): Promise<Reply>
}

/** Of what there is too much of, so many are shown. */
export const MOST = 100

export function at(path: string): RegExp {
  return new RegExp(`^/approvals${path.replace(':id', `(${ID})`)}$`)
}

/**
 * Whether policy lets the reader do this: for what is offered only. The same is asked again when he does it. What takes an
 * approval itself is not offered here.
 */
export function mayDo(
  { api }: PageServices,
  { viewer, recorded }: SignedVisit,
  verb: string,
  resource: string,
  name = '',
): boolean {
  const action = { protocol: 'admin', verb, resource, name } as const
  return api.decideAdmin(viewer.principal, action, recorded.client).effect === 'allow'
}
