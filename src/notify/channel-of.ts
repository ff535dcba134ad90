import { parseDuration } from '../documents/duration.ts'
import type { ChannelDocument } from '../documents/schema/channel.ts'
import type { SecretSource } from '../documents/secret-reference.ts'
import { compileGlobList } from '../policy/glob.ts'
import type { Channel } from './contract.ts'
import { createWebhook } from './webhook/create-webhook.ts'

/** What all kinds of channels have. */
export interface ChannelBase {
  readonly name: string
  readonly signInWithin?: number
  readonly wants: Channel['wants']
}

/**
 * A channel as its document says, references resolved. Rejects when a referenced file or variable is missing or too short; the
 * error never holds its content.
 */
export async function channelOf(
  { metadata: { name }, spec }: ChannelDocument,
  secrets: SecretSource,
  now: () => number,
): Promise<Channel> {
  const base = { name, ...scopeOf(spec) }
  const text = async (reference: string, shortest = 1): Promise<string> => {
    const found = await secrets.resolve(reference)
    if (found.length >= shortest) return found
    throw new Error(`channel ${name}: ${reference} is shorter than ${shortest} characters`)
  }
  const optionalText = (reference: string | undefined, shortest?: number) =>
    reference === undefined ? undefined : text(reference, shortest)
  const authority = (ca: string | undefined) => (ca?.startsWith('file:') ? text(ca) : Promise.resolve(ca))

  if (spec.webhook !== undefined) {
    const { url, secret, formerSecret, ca } = spec.webhook
    const found = [await text(secret, SHORTEST), await optionalText(formerSecret, SHORTEST)]
    return createWebhook(
      { ...base, url, secrets: found.filter(one => one !== undefined), ca: await authority(ca) },
      now,
    )
  }
  throw new Error(`channel ${name} is of no kind`)
}

/** Of what signs by HMAC-SHA256. */
const SHORTEST = 24

function scopeOf({ rules, connections, signInWithin }: ChannelDocument['spec']): Omit<ChannelBase, 'name'> {
  const ofRules = rules === undefined ? undefined : compileGlobList(rules)
  const ofConnections = connections === undefined ? undefined : compileGlobList(connections)
  return {
    wants: message =>
      (ofRules === undefined || message.rules.some(rule => ofRules.has(rule))) &&
      (ofConnections === undefined || ofConnections.has(message.connection)),
    ...(signInWithin === undefined ? {} : { signInWithin: parseDuration(signInWithin)! }),
  }
}
