import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { freePorts } from '../free-ports.ts'
import { pythonWith } from '../python.ts'
import { untilAnswers } from '../until-answers.ts'

export interface RoundupServer {
  readonly url: string
  /** Of each user, and of `admin`. */
  readonly passwords: Readonly<Record<string, string>>
  /** As a user, by the REST API; `path` is behind `/rest/data`. ETags are looked up by itself. */
  as(
    user: string,
  ): (method: string, path: string, body?: object) => Promise<{ status: number; data: unknown }>
  /** Down and up again, on the same port. */
  stop(): Promise<void>
  start(): Promise<void>
  remove(): Promise<void>
}

/** A Roundup tracker (the package of PyPI, its `classic` template) with these users, on loopback. Mail goes to a file. */
export async function startRoundup(users: readonly string[]): Promise<RoundupServer> {
  const python = await pythonWith('roundup==2.6.0')
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-roundup-'))
  const home = join(dir, 'tracker')
  const admin = (args: readonly string[], input = ''): void =>
    void execFileSync(join(dirname(python), 'roundup-admin'), ['-i', home, ...args], {
      ...{ input, stdio: ['pipe', 'pipe', 'pipe'], timeout: 60_000 },
    })
  const [port] = await freePorts(1)
  const url = `http://127.0.0.1:${port}`
  const passwords = Object.fromEntries(
    ['admin', ...users].map(name => [name, randomBytes(12).toString('hex')] as const),
  )
  admin(['install', 'classic', 'sqlite'])
  const config = join(home, 'config.ini')
  const settings = readFileSync(config, 'utf8')
    .replace(/^#?web = .*$/m, `web = ${url}/`)
    // Each request proves its password anew.
    .replace(/^#?password_pbkdf2_default_rounds = .*$/m, 'password_pbkdf2_default_rounds = 1000')
    .replace(/^#?domain = .*$/m, 'domain = localhost')
    .replace(/^#?host = NO DEFAULT$/m, 'host = localhost')
    .replace(/(\n\[mail\][\s\S]*?\n)#?debug = .*\n/, `$1debug = ${join(dir, 'mail')}\n`)
  writeFileSync(config, settings)
  admin(['initialise', passwords.admin!])
  const lines = users.map(
    name => `create user username=${name} password=${passwords[name]} roles=User address=${name}@localhost`,
  )
  admin([], `${lines.join('\n')}\ncommit\nexit\n`)

  let child: ReturnType<typeof serve> | undefined
  function serve() {
    return spawn(python, [join(import.meta.dirname, 'serve.py'), home, String(port)], {
      stdio: ['pipe', 'ignore', 'ignore'],
    })
  }
  async function start(): Promise<void> {
    child = serve()
    await untilAnswers(`${url}/`, child)
  }
  async function stop(): Promise<void> {
    if (child === undefined || child.exitCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  await start()
  return {
    ...{ url, passwords, start, stop },
    as: user => async (method, path, body) => {
      const headers: Record<string, string> = {
        authorization: `Basic ${Buffer.from(`${user}:${passwords[user]}`).toString('base64')}`,
        ...{
          'x-requested-with': 'test',
          origin: url,
          referer: `${url}/`,
          'content-type': 'application/json',
        },
      }
      const target = `${url}/rest/data${path}`
      if (method === 'PUT' || method === 'PATCH') {
        const before = await fetch(target, { headers })
        await before.arrayBuffer()
        headers['if-match'] = before.headers.get('etag') ?? ''
      }
      const answer = await fetch(target, {
        ...{ method, headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const { data } = (await answer.json()) as { data?: unknown }
      return { status: answer.status, data }
    },
    async remove() {
      await stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
