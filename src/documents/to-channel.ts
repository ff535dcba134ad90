import type { ChannelDocument } from './schema/channel.ts'
import type { SecretSource } from './secret-reference.ts'

/** A webhook as notify needs it: references resolved. */
export interface WebhookChannelSettings {
  readonly name: string
  readonly url: string
  readonly secrets: readonly string[]
  readonly ca?: string
  readonly rules?: readonly string[]
  readonly connections?: readonly string[]
}

const SHORTEST = 24

/** Rejects when a referenced file or variable is missing or too short to sign with; the error never holds its content. */
export async function toChannel(
  { metadata, spec }: ChannelDocument,
  secrets: SecretSource,
): Promise<WebhookChannelSettings> {
  const { url, secret, formerSecret, ca } = spec.webhook
  const references = formerSecret === undefined ? [secret] : [secret, formerSecret]
  const found = await Promise.all(references.map(reference => secrets.resolve(reference)))
  for (const [i, text] of found.entries()) {
    if (text.length >= SHORTEST) continue
    throw new Error(`channel ${metadata.name}: ${references[i]} is shorter than ${SHORTEST} characters`)
  }
  const authority = ca?.startsWith('file:') ? await secrets.resolve(ca) : ca
  return {
    ...{ name: metadata.name, url, secrets: found },
    ...(authority === undefined ? {} : { ca: authority }),
    ...(spec.rules === undefined ? {} : { rules: spec.rules }),
    ...(spec.connections === undefined ? {} : { connections: spec.connections }),
  }
}
