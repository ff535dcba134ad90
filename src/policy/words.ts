import type { KubernetesAction } from '../kubernetes/action.ts'
import type { Action } from './decision.ts'

/** The action as a person would say it: `delete pods "web" in namespace shop`. */
export function sayAction(action: Action): string {
  if (action.protocol === 'admin') {
    return action.name === '' ? action.verb : `${action.verb} on ${action.resource} ${quote(action.name)}`
  }
  return `${sayRequest(action)}${action.impersonate === null ? '' : ` as ${quote(action.impersonate.user)}`}`
}

function sayRequest(action: KubernetesAction): string {
  if (!action.isResource) return `${action.verb} ${cut(action.path)}`
  const group = action.apiGroup === '' ? '' : `.${cut(action.apiGroup)}`
  const what = `${cut(action.resource)}${group}${action.subresource === '' ? '' : `/${cut(action.subresource)}`}`
  const name = action.name === '' ? '' : ` ${quote(action.name)}`
  const place = action.namespace === '' ? '' : ` in namespace ${cut(action.namespace)}`
  return `${action.verb} ${what}${name}${place}`
}

function quote(text: string): string {
  return JSON.stringify(cut(text))
}

/** A reason fits into one line of kubectl, whatever names a request has. */
export function shortReason(text: string): string {
  return text.length > 320 ? `${text.slice(0, 319)}…` : text
}

/** Names are as long as the caller likes; a reason is not. */
function cut(text: string): string {
  return text.length > 63 ? `${text.slice(0, 60)}…` : text
}
