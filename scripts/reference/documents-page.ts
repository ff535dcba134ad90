import { API_VERSION } from '../../src/brand.ts'
import { fieldsOf, schemas } from './document-fields.ts'
import { meanings } from './field-meanings.ts'
import { code, page, rows } from './markdown.ts'

const about: Readonly<Record<string, string>> = {
  Channel:
    'Where people are told of approvals. [Channels](../policy/channels.md) says what is sent and what is taken.',
  Connection: 'A cluster and how it is reached. Written by whoever runs the gateway.',
  IdentityProvider: 'An OIDC issuer whose tokens the gateway believes.',
  MaskingRules:
    'What is a secret and what a caller sees instead. [Masking rules](../masking/rules.md) says how they are read.',
  Person: 'Accounts of one human, so that nobody approves through one what he asked for through another.',
  Policy: 'Who may do what. [The policy language](../policy/language.md) says how rules are read.',
  PolicyTest: 'Beside policies, in files; never in a gateway.',
  AgentConfig: 'The configuration file of `sallyport agent run`. It stays on the machine of the agent.',
}

/** Each kind with each field: type, whether it must be there, what holds without it, meaning. */
export function documentsPage(): string {
  return page('Documents', [
    `Documents are YAML or JSON. Each begins with \`apiVersion: ${API_VERSION}\`, \`kind\` and \`metadata\` (an AgentConfig has no metadata): \`name\` (lower-case letters, digits, dashes), and if you like \`labels\` and \`annotations\`. Unknown fields are an error, empty lists too. Durations are written \`30s\`, \`15m\`, \`1h30m\`.`,
    'Channel, Connection, IdentityProvider, MaskingRules, Person and Policy live in the gateway: from files of its configuration directory (read at start and at SIGHUP), or written with `sallyport apply -f FILE`. `/openapi.json` of a gateway holds their JSON Schemas.',
    ...Object.keys(schemas).flatMap(kind => [
      `## ${kind}`,
      about[kind]!,
      rows(
        ['field', 'type', 'if left out', 'meaning'],
        fieldsOf(kind).map(field => {
          const [meaning, otherwise] = meanings[kind]![field.path]!
          const fallback = field.required
            ? '**required**'
            : (otherwise ?? (field.fallback === undefined ? '' : code(field.fallback)))
          return [code(field.path), field.type, fallback, meaning]
        }),
      ),
    ]),
  ])
}
