import type { Run } from './context.ts'

/**
 * Every command, once: parsing, help, completion and the reference page are made from this table. A command's file
 * is loaded when it runs and not before.
 */
export interface CommandSpec {
  /** `['audit', 'search']`. */
  readonly path: readonly string[]
  readonly summary: string
  readonly group: Group
  readonly arguments?: readonly ArgumentSpec[]
  readonly options?: readonly OptionSpec[]
  /** Takes -o and --no-headers. */
  readonly output?: boolean
  /** Does not talk to a gateway: takes no --gateway. */
  readonly local?: boolean
  readonly hidden?: boolean
  readonly examples?: readonly string[]
  load(): Promise<{ readonly run: Run }>
}

export type Group = 'Every day' | 'Audit' | 'Operate' | 'Policy'

export interface ArgumentSpec {
  /** `<name>`, `[name]`, `[words...]`. */
  readonly form: string
  readonly description: string
  readonly choices?: readonly string[]
}

export interface OptionSpec {
  /** `-f, --filename <file>`. */
  readonly flags: string
  readonly description: string
  readonly choices?: readonly string[]
  /** May be given more than once; the value is an array. */
  readonly many?: boolean
  readonly file?: boolean
}

const since: OptionSpec = {
  flags: '--since <time>',
  description: 'from then on: 15m, 2h, 7d, 2026-01-31, RFC 3339',
}
const limit: OptionSpec = {
  flags: '--limit <count>',
  description: 'at most so many rows (default 100; 0: all)',
}
const connection: OptionSpec = { flags: '-c, --connection <name>', description: 'on this connection' }
const reason: OptionSpec = { flags: '--reason <text>', description: 'kept in the trail' }
const filename: OptionSpec = {
  flags: '-f, --filename <file>',
  description: 'file or directory of YAML or JSON, - for standard input',
  many: true,
  file: true,
}
const auditFilters: readonly OptionSpec[] = [
  { flags: '-u, --user <name>', description: 'who acted' },
  connection,
  { flags: '--verb <verb>', description: 'get, list, create, policy.write, …' },
  { flags: '-r, --resource <name>', description: 'pods, deployments, policies, …' },
  { flags: '-n, --namespace <name>', description: 'in this namespace' },
  { flags: '--name <name>', description: 'of this name' },
  { flags: '--decision <effect>', description: 'what was decided', choices: ['allow', 'deny', 'hold'] },
  { flags: '--rule <name>', description: 'decided by this rule' },
  { flags: '--status <code>', description: 'HTTP status of the answer' },
  { flags: '--session <id>', description: 'in this session' },
  { flags: '--kind <kind>', description: 'k8s.request, admin.request, auth.login, session.open, …' },
  { flags: '--text <words>', description: 'words in what was asked or answered' },
]

export const tree: readonly CommandSpec[] = [
  {
    path: ['up'],
    summary: 'Start gateway, agent, sign-in and, without a cluster, a demo cluster on this machine',
    group: 'Every day',
    local: true,
    output: true,
    options: [
      { flags: '--data-dir <dir>', description: 'where log, state and keys live', file: true },
      { flags: '--config-dir <dir>', description: 'directory of documents', file: true },
      { flags: '--listen <host:port>', description: 'address to listen on' },
      { flags: '--kubeconfig <file>', description: 'cluster to connect to; read, never written', file: true },
      { flags: '--context <name>', description: 'context of that kubeconfig' },
      {
        flags: '--no-bind',
        description: 'put no ClusterRoleBinding for the local administrator on the cluster',
      },
      {
        flags: '--log-level <level>',
        description: 'log of the gateway, on standard error (default warn)',
        choices: ['debug', 'info', 'warn', 'error', 'silent'],
      },
    ],
    load: () => import('../up.ts'),
  },
  {
    path: ['login'],
    summary: 'Sign in; says who, until when, which connections',
    group: 'Every day',
    output: true,
    options: [
      { flags: '--code [code]', description: 'one-time code; - or no value: read from standard input' },
      { flags: '--provider <name>', description: 'which identity provider' },
      { flags: '--device', description: 'confirm in a browser on another device' },
      { flags: '--no-browser', description: 'print the address, open nothing' },
    ],
    examples: ['sallyport login --gateway https://sallyport.example.com', 'sallyport login --code -'],
    load: () => import('../login.ts'),
  },
  {
    path: ['logout'],
    summary: 'Sign out, forget tokens, end my sessions',
    group: 'Every day',
    load: () => import('../logout.ts'),
  },
  {
    path: ['whoami'],
    summary: 'My identity as policy sees it, and how it was proven',
    group: 'Every day',
    output: true,
    load: () => import('../whoami.ts'),
  },
  {
    path: ['status'],
    summary: 'Gateway, log, agents, sign-in, and which configuration won',
    group: 'Every day',
    output: true,
    load: () => import('../status.ts'),
  },
  {
    path: ['why'],
    summary: 'What was or would be decided, by which rule',
    group: 'Every day',
    hidden: true,
    output: true,
    arguments: [{ form: '<words...>', description: 'a request id, or an action: delete pods/api-7f' }],
    options: [connection, { flags: '-n, --namespace <name>', description: 'in this namespace' }],
    examples: ['sallyport why delete pods/api-7f -n shop -c prod'],
    load: () => import('../why.ts'),
  },
  {
    path: ['connection', 'list'],
    summary: 'Clusters that I may use',
    group: 'Every day',
    output: true,
    load: () => import('../connection-list.ts'),
  },
  {
    path: ['connection', 'use'],
    summary: 'Write a kubeconfig of our own and print the export line',
    group: 'Every day',
    arguments: [{ form: '<name>', description: 'connection that becomes the current context of that file' }],
    options: [
      { flags: '--kubeconfig-out <file>', description: 'write there instead', file: true },
      { flags: '-n, --namespace <name>', description: 'default namespace of the context' },
      {
        flags: '--merge',
        description: 'add the contexts to your own kubeconfig (backed up; current-context stays)',
      },
      { flags: '--kubeconfig <file>', description: 'with --merge: that file', file: true },
    ],
    examples: ['eval "$(sallyport connection use prod)"'],
    load: () => import('../connection-use.ts'),
  },
  {
    path: ['connection', 'add'],
    summary: 'Register a cluster; prints the document first',
    group: 'Operate',
    arguments: [{ form: '<name>', description: 'name of the connection' }],
    options: [
      { flags: '--agent <name>', description: 'agent that serves it (default embedded)', many: true },
      { flags: '--description <text>', description: 'one line for people' },
      { flags: '--host <name>', description: 'host name that stands for it', many: true },
      {
        flags: '--upstream-identity <mode>',
        description: 'as whom the cluster sees a session',
        choices: ['principal', 'session', 'serviceaccount'],
      },
      {
        flags: '--map <group=upstream>',
        description: 'group of callers to group in the cluster',
        many: true,
      },
      { flags: '--kubeconfig <file>', description: 'for the embedded agent: on the gateway', file: true },
      { flags: '--context <name>', description: 'for the embedded agent: context there' },
      { flags: '--service-accounts', description: "accept the cluster's own service accounts as callers" },
      { flags: '-y, --yes', description: 'do not ask' },
    ],
    load: () => import('../connection-add.ts'),
  },
  {
    path: ['credential'],
    summary: 'Exec credential plugin of kubectl (client.authentication.k8s.io/v1)',
    group: 'Every day',
    hidden: true,
    options: [
      { flags: '--connection <name>', description: 'connection to open a session on' },
      {
        flags: '--code-file <file>',
        description: 'one-time code to sign in with, when nobody is',
        file: true,
      },
      { flags: '--state-dir <dir>', description: 'where its tokens lie', file: true },
    ],
    load: () => import('../credential.ts'),
  },
  {
    path: ['session', 'list'],
    summary: 'My sessions; with --all those of everybody',
    group: 'Every day',
    output: true,
    options: [
      { flags: '-A, --all', description: 'of everybody' },
      { flags: '-u, --user <name>', description: 'of this user' },
      connection,
      { flags: '--state <state>', description: 'only these', choices: ['live', 'ended', 'expired'] },
      limit,
    ],
    load: () => import('../session-list.ts'),
  },
  {
    path: ['session', 'show'],
    summary: 'One session',
    group: 'Every day',
    output: true,
    arguments: [{ form: '<id>', description: 'session id' }],
    load: () => import('../session-show.ts'),
  },
  {
    path: ['session', 'end'],
    summary: 'End sessions everywhere, now',
    group: 'Every day',
    output: true,
    arguments: [{ form: '<ids...>', description: 'session ids' }],
    options: [reason],
    load: () => import('../session-end.ts'),
  },
  {
    path: ['revoke'],
    summary: 'Cut off a session, a principal or an issuer everywhere, now; says what was cut',
    group: 'Operate',
    output: true,
    arguments: [
      { form: '<kind>', description: 'what to cut off', choices: ['session', 'principal', 'issuer'] },
      { form: '<id>', description: 'session id, or issuer' },
      { form: '[subject]', description: 'with principal: its subject at that issuer' },
    ],
    options: [
      reason,
      { flags: '--until <time>', description: 'until then: 2h, 2026-01-31 (default: for ever)' },
    ],
    examples: ['sallyport revoke principal https://issuer.example.com 00u1abcd --reason "left the company"'],
    load: () => import('../revoke.ts'),
  },
  {
    path: ['audit', 'search'],
    summary: 'Search the trail, newest first',
    group: 'Audit',
    output: true,
    arguments: [{ form: '[words...]', description: 'words in what was asked or answered' }],
    options: [...auditFilters, since, { flags: '--until <time>', description: 'before then' }, limit],
    examples: [
      'sallyport audit search --decision deny --since 24h',
      'sallyport audit search -r secrets -n shop',
    ],
    load: () => import('../audit-search.ts'),
  },
  {
    path: ['audit', 'show'],
    summary: 'Request, decision, answer and leaves of one entry',
    group: 'Audit',
    output: true,
    arguments: [{ form: '[id]', description: 'request id' }],
    options: [{ flags: '--last', description: 'the latest request' }],
    load: () => import('../audit-show.ts'),
  },
  {
    path: ['audit', 'tail'],
    summary: 'The trail as it is written',
    group: 'Audit',
    output: true,
    options: auditFilters.filter(option => !option.flags.startsWith('--status')),
    load: () => import('../audit-tail.ts'),
  },
  {
    path: ['verify'],
    summary: 'Check a log offline; lists each check and its result',
    group: 'Audit',
    output: true,
    local: true,
    arguments: [{ form: '<directory>', description: 'directory of the log' }],
    options: [
      {
        flags: '--vkey <key>',
        description: 'verifier key of the log, or a file that holds it (default: log.vkey beside it)',
      },
      {
        flags: '--old-checkpoint <file>',
        description: 'checkpoint kept from earlier',
        many: true,
        file: true,
      },
      { flags: '--keys <file>', description: 'key file: check heads and bodies as well', file: true },
      { flags: '--live', description: 'the log is being written: open calls at its end are no failure' },
    ],
    load: () => import('../verify.ts'),
  },
  {
    path: ['get'],
    summary: 'Documents: connections, policies, identity providers; and agents',
    group: 'Operate',
    output: true,
    arguments: [
      { form: '<kind>', description: 'connections, policies, identityproviders, agents' },
      { form: '[name]', description: 'only this one' },
    ],
    examples: ['sallyport get policies', 'sallyport get policy base -o yaml'],
    load: () => import('../get.ts'),
  },
  {
    path: ['apply'],
    summary: 'Write documents, all or nothing',
    group: 'Operate',
    output: true,
    options: [filename, { flags: '--dry-run', description: 'only say what would change' }],
    load: () => import('../apply.ts'),
  },
  {
    path: ['diff'],
    summary: 'What apply would change',
    group: 'Operate',
    output: true,
    options: [filename, { flags: '--exit-code', description: 'exit with 1 when something would change' }],
    load: () => import('../diff.ts'),
  },
  {
    path: ['delete'],
    summary: 'Delete a document',
    group: 'Operate',
    output: true,
    arguments: [
      { form: '<kind>', description: 'connection, policy, identityprovider' },
      { form: '<name>', description: 'its name' },
    ],
    load: () => import('../delete.ts'),
  },
  {
    path: ['agent', 'token'],
    summary: 'One-time token that lets an agent enrol',
    group: 'Operate',
    output: true,
    arguments: [{ form: '<name>', description: 'name of the agent' }],
    options: [{ flags: '--lifetime <time>', description: 'how long it may be used (default 15m)' }],
    load: () => import('../agent-token.ts'),
  },
  {
    path: ['agent', 'run'],
    summary: 'Run the agent process',
    group: 'Operate',
    local: true,
    options: [
      { flags: '--config <file>', description: 'AgentConfig document', file: true },
      { flags: '--token-file <file>', description: 'enrolment token, - for standard input', file: true },
    ],
    load: () => import('../agent.ts'),
  },
  {
    path: ['agent', 'remove'],
    summary: 'Remove an agent: its certificate is refused from now on',
    group: 'Operate',
    output: true,
    arguments: [{ form: '<name>', description: 'name of the agent' }],
    load: () => import('../agent-remove.ts'),
  },
  {
    path: ['policy', 'check'],
    summary: 'Syntax and sense of documents, with line and column; offline',
    group: 'Policy',
    output: true,
    local: true,
    arguments: [{ form: '<files...>', description: 'files or directories' }],
    load: () => import('../policy-check.ts'),
  },
  {
    path: ['policy', 'test'],
    summary: 'Run the tests that stand beside the policies; offline',
    group: 'Policy',
    output: true,
    local: true,
    arguments: [{ form: '<files...>', description: 'files or directories of policies and tests' }],
    load: () => import('../policy-test.ts'),
  },
  {
    path: ['completion'],
    summary: 'Print a completion script',
    group: 'Every day',
    local: true,
    arguments: [
      { form: '<shell>', description: 'which shell', choices: ['bash', 'zsh', 'fish', 'powershell'] },
    ],
    examples: ['source <(sallyport completion bash)'],
    load: () => import('../completion.ts'),
  },
]

export const gatewayOptions: readonly OptionSpec[] = [
  { flags: '--gateway <url>', description: 'gateway: name in the profile, or URL (SALLYPORT_GATEWAY)' },
  { flags: '--ca-file <file>', description: 'PEM of its CA (SALLYPORT_CA_FILE)', file: true },
]

export const outputOptions: readonly OptionSpec[] = [
  {
    flags: '-o, --output <format>',
    description: 'form of the answer (SALLYPORT_OUTPUT)',
    choices: ['table', 'wide', 'json', 'yaml', 'name'],
  },
  { flags: '--no-headers', description: 'tables without their first line' },
]

export const commonOptions: readonly OptionSpec[] = [
  { flags: '-q, --quiet', description: 'no talk on standard error' },
]

export const groupSummaries: Readonly<Record<string, string>> = {
  connection: 'Clusters, and how to reach them',
  session: 'Who is on which connection, until when',
  audit: 'The trail',
  agent: 'Agents, the processes that hold upstream credentials',
  policy: 'Check and test policies offline',
}

/** All options of a command, its own first. */
export function optionsOf(spec: CommandSpec): readonly OptionSpec[] {
  return [
    ...(spec.options ?? []),
    ...(spec.output === true ? outputOptions : []),
    ...(spec.local === true ? [] : gatewayOptions),
    ...commonOptions,
  ]
}
