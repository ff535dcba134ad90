import { Refusal } from '../../errors/refusal.ts'
import { MANAGED_BY, SESSION_LABEL } from '../names.ts'
import type { ApiClient } from '../upstream/api-client.ts'
import { type BindingObject, bindingsPath, RBAC } from './binding.ts'
import { type Grant, isEverywhere, namedNamespaces } from './grants.ts'
import type { Note } from './in-force.ts'

const PAGE = 500

/** Bindings of sessions wherever the binder may make them: of one session, or with '' of all. Page by page. */
export async function listBindings(
  client: ApiClient,
  grants: readonly Grant[],
  session: string,
  made: Note,
): Promise<BindingObject[]> {
  const root = `/apis/${RBAC}/v1`
  const paths = isEverywhere(grants)
    ? [`${root}/clusterrolebindings`, `${root}/rolebindings`]
    : namedNamespaces(grants).map(bindingsPath)
  const ofSession = session === '' ? SESSION_LABEL : `${SESSION_LABEL}=${session}`
  const selector = encodeURIComponent(`${MANAGED_BY.label}=${MANAGED_BY.value},${ofSession}`)
  const lists = await Promise.all(paths.map(path => listAll(client, path, selector, made)))
  return lists.flat()
}

async function listAll(
  client: ApiClient,
  path: string,
  selector: string,
  made: Note,
): Promise<BindingObject[]> {
  const found: BindingObject[] = []
  let next = ''
  do {
    const more = next === '' ? '' : `&continue=${encodeURIComponent(next)}`
    const answer = await client.call('GET', `${path}?labelSelector=${selector}&limit=${PAGE}${more}`, {
      made,
    })
    if (answer.status !== 200) {
      throw new Refusal('binding-failed', {
        check: 'agent/binding',
        detail: `the binder cannot list bindings: ${answer.status} ${answer.message}`,
      })
    }
    const list = answer.body as { items?: BindingObject[] | null; metadata?: { continue?: string } }
    found.push(...(list.items ?? []))
    next = list.metadata?.continue ?? ''
  } while (next !== '')
  return found
}
