import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../free-ports.ts'
import { pythonWith } from '../python.ts'
import { untilAnswers } from '../until-answers.ts'

export interface SynapseServer {
  readonly url: string
  /** Access tokens of its users. */
  readonly tokens: Readonly<Record<string, string>>
  userId(user: string): string
  /** As a user; `path` is behind `/_matrix/client`. Throws with the server's words when it is not answered with 200. */
  as(user: string): (method: string, path: string, body?: object) => Promise<Record<string, unknown>>
  /** Of a private room of this user in which the others are. */
  room(owner: string, members: readonly string[], more?: object): Promise<string>
  stop(): Promise<void>
  start(): Promise<void>
  remove(): Promise<void>
}

const SERVER_NAME = 'chat.test'

/** A Synapse homeserver (the package of PyPI) with these users, on loopback, without federation. */
export async function startSynapse(users: readonly string[]): Promise<SynapseServer> {
  const python = await pythonWith('matrix-synapse==1.163.2')
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-synapse-'))
  const [port] = await freePorts(1)
  const url = `http://127.0.0.1:${port}`
  const config = join(dir, 'homeserver.json')
  // JSON is YAML.
  writeFileSync(config, JSON.stringify(configuration(dir, port!)))
  writeFileSync(join(dir, 'log.json'), JSON.stringify({ version: 1, root: { level: 'ERROR', handlers: [] } }))
  execFileSync(python, ['-m', 'synapse.app.homeserver', '--config-path', config, '--generate-keys'], {
    ...{ cwd: dir, stdio: 'pipe', timeout: 120_000 },
  })

  let child: ReturnType<typeof serve> | undefined
  function serve() {
    return spawn(python, [join(import.meta.dirname, 'serve.py'), config], {
      ...{ cwd: dir, stdio: ['pipe', 'ignore', 'ignore'] },
    })
  }
  async function start(): Promise<void> {
    child = serve()
    await untilAnswers(`${url}/_matrix/client/versions`, child)
  }
  async function stop(): Promise<void> {
    if (child === undefined || child.exitCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  async function call(token: string | null, method: string, path: string, body?: object) {
    const answer = await fetch(`${url}/_matrix/client${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return JSON.parse(text) as Record<string, unknown>
  }
  await start()
  const tokens: Record<string, string> = {}
  for (const username of users) {
    const answer = await call(null, 'POST', '/v3/register', {
      ...{ username, password: randomBytes(12).toString('hex') },
      auth: { type: 'm.login.dummy' },
    })
    tokens[username] = String(answer.access_token)
  }
  const as: SynapseServer['as'] = user => (method, path, body) => call(tokens[user]!, method, path, body)
  const userId = (user: string): string => `@${user}:${SERVER_NAME}`
  return {
    ...{ url, tokens, userId, as, start, stop },
    async room(owner, members, more = {}) {
      const made = await as(owner)('POST', '/v3/createRoom', {
        ...{ preset: 'private_chat', invite: members.map(userId) },
        ...more,
      })
      const id = String(made.room_id)
      for (const member of members) await as(member)('POST', `/v3/join/${encodeURIComponent(id)}`, {})
      return id
    },
    async remove() {
      await stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function configuration(dir: string, port: number): object {
  const fast = { per_second: 10_000, burst_count: 10_000 }
  return {
    server_name: SERVER_NAME,
    listeners: [
      {
        port,
        type: 'http',
        bind_addresses: ['127.0.0.1'],
        resources: [{ names: ['client'], compress: false }],
      },
    ],
    database: { name: 'sqlite3', args: { database: join(dir, 'homeserver.db') } },
    log_config: join(dir, 'log.json'),
    media_store_path: join(dir, 'media'),
    signing_key_path: join(dir, 'signing.key'),
    macaroon_secret_key: randomBytes(16).toString('hex'),
    form_secret: randomBytes(16).toString('hex'),
    report_stats: false,
    ...{ trusted_key_servers: [], federation_domain_whitelist: [] },
    ...{ enable_registration: true, enable_registration_without_verification: true, bcrypt_rounds: 4 },
    ...{ rc_message: fast, rc_registration: fast, rc_login: { address: fast, account: fast } },
    rc_joins: { local: fast, remote: fast },
    rc_invites: { per_room: fast, per_user: fast, per_issuer: fast },
    rc_room_creation: fast,
  }
}
