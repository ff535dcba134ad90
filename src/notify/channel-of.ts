import { parseDuration } from '../documents/duration.ts'
import { type ChannelDocument, isChannelUrl } from '../documents/schema/channel.ts'
import type { SecretSource } from '../documents/secret-reference.ts'
import { compileGlobList } from '../policy/glob.ts'
import type { ChannelBase } from './channel-base.ts'
import type { Channel } from './contract.ts'
import { createJira } from './jira/create-jira.ts'
import { createMatrix } from './matrix/create-matrix.ts'
import { createRoundup } from './roundup/create-roundup.ts'
import { createServiceNow, type ServiceNowSettings } from './servicenow/create-servicenow.ts'
import { createSlack } from './slack/create-slack.ts'
import { createTeams } from './teams/create-teams.ts'
import { createWebhook } from './webhook/create-webhook.ts'

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
  if (spec.roundup !== undefined) {
    const { password, ca, decisions = false, ...rest } = spec.roundup
    const secret = { password: await text(password), ca: await authority(ca) }
    return createRoundup({ ...base, ...rest, ...secret, decisions })
  }
  if (spec.matrix !== undefined) {
    const { accessToken, ca, decisions = false, ...rest } = spec.matrix
    const secret = { accessToken: await text(accessToken), ca: await authority(ca) }
    return createMatrix({ ...base, ...rest, ...secret, decisions })
  }
  if (spec.jira !== undefined) {
    const { apiToken, webhookSecret, ca, decisions = null, ...rest } = spec.jira
    const secret = { apiToken: await text(apiToken), ca: await authority(ca) }
    const wakes = { webhookSecret: await optionalText(webhookSecret, SHORTEST) }
    return createJira({ ...base, ...rest, ...secret, ...wakes, decisions })
  }
  if (spec.servicenow !== undefined) {
    const { password, oauth, wakeSecret, ca, ...rest } = spec.servicenow
    const { fields = {}, closedFields = {}, decisions = null } = rest
    const credential: ServiceNowSettings['credential'] =
      oauth === undefined
        ? { password: await text(password!) }
        : { clientId: oauth.clientId, clientSecret: await text(oauth.clientSecret) }
    const secret = {
      credential,
      ca: await authority(ca),
      wakeSecret: await optionalText(wakeSecret, SHORTEST),
    }
    return createServiceNow({ ...base, ...rest, ...secret, fields, closedFields, decisions }, now)
  }
  if (spec.mail !== undefined) {
    const { user, password, ca, security = 'starttls', port = MAIL_PORTS[security], ...rest } = spec.mail
    const login = user === undefined ? undefined : { user, password: await text(password!) }
    // Its library is loaded only where mails are sent.
    const { createMail } = await import('./mail/create-mail.ts')
    return createMail({ ...base, ...rest, security, port, login, ca: await authority(ca) })
  }
  if (spec.slack !== undefined) {
    const { channel, token, signingSecret, formerSigningSecret, apiUrl = SLACK, ca } = spec.slack
    const found = [await text(signingSecret, SHORTEST), await optionalText(formerSigningSecret, SHORTEST)]
    return createSlack(
      {
        ...{ ...base, conversation: channel, token: await text(token) },
        signingSecrets: found.filter(one => one !== undefined),
        url: apiUrl.endsWith('/') ? apiUrl : `${apiUrl}/`,
        ca: await authority(ca),
      },
      now,
    )
  }
  if (spec.teams !== undefined) {
    const url = await text(spec.teams.url)
    if (!isChannelUrl(url)) throw new Error(`channel ${name}: ${spec.teams.url} is no https URL`)
    return createTeams({ ...base, url, ca: await authority(spec.teams.ca) })
  }
  throw new Error(`channel ${name} is of no kind`)
}

const MAIL_PORTS = { starttls: 587, tls: 465, none: 25 } as const
const SLACK = 'https://slack.com/api/'
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
