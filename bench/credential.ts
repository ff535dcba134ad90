import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createUser } from '../src/api/testing/run-cli.ts'
import { serveApi } from '../src/api/testing/serve-api.ts'

/**
 * What the credential plugin adds to a kubectl that is signed in: from start to end of the process, milliseconds, with
 * the token in its file. Beside it Node alone, and the plugin without compiled code. `node bench/credential.ts`, on a
 * machine that does nothing else.
 */
const ROUNDS = 21
const launcher = fileURLToPath(new URL('../bin/sallyport.mjs', import.meta.url))

const api = await serveApi()
const user = createUser(api, 'bench')
const args = ['credential', '--gateway', api.url, '--connection', 'prod']
const { code, stderr } = await user.run(['login', '--code', 'open-sesame'])
if (code !== 0 || (await user.run(args)).code !== 0) throw new Error(stderr)
// A shell between, as kubectl is: the parent is another each time, so the gateway is not asked.
const shell = join(api.dir, 'call.sh')
writeFileSync(shell, '#!/bin/sh\n"$@"\nexit $?\n', { mode: 0o755 })

function measure(what: string, rest: readonly string[], env: Readonly<Record<string, string>> = {}): void {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now()
    const ran = spawnSync(shell, [process.execPath, ...rest], { env: { ...user.env, ...env } })
    times.push(performance.now() - started)
    if (ran.status !== 0) throw new Error(String(ran.stderr))
  }
  times.sort((a, b) => a - b)
  const at = (share: number): string => times[Math.floor(share * (ROUNDS - 1))]!.toFixed(0).padStart(5)
  process.stdout.write(`${what.padEnd(26)} min ${at(0)}  median ${at(0.5)}  max ${at(1)} ms\n`)
}

const asked = api.requests.length
measure('node alone', ['-e', '0'])
measure('credential', [launcher, ...args])
measure('without compiled code', [launcher, ...args], { NODE_DISABLE_COMPILE_CACHE: '1' })
if (api.requests.length !== asked) throw new Error('the gateway was asked: that is not what is measured here')
await api.close()
