import type { ApprovalMessage } from '../approvals/message.ts'
import { compileGlobList } from '../policy/glob.ts'
import type { ChannelScope } from './contract.ts'

/** Whether a channel of this scope is to be told. */
export function wantedBy(scope: ChannelScope): (message: ApprovalMessage) => boolean {
  const rules = scope.rules === undefined ? undefined : compileGlobList(scope.rules)
  const connections = scope.connections === undefined ? undefined : compileGlobList(scope.connections)
  return message =>
    (rules === undefined || message.rules.some(rule => rules.has(rule))) &&
    (connections === undefined || connections.has(message.connection))
}
