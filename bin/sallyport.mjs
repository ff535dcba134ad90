#!/usr/bin/env node
// Starts the command line with a Node that can run it. Plain JavaScript without dependencies: the Node that starts it
// may be older than the one the product needs, and then the npm package `node` takes over, if it is there.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NEEDED = 24
const main = join(dirname(dirname(fileURLToPath(import.meta.url))), 'src', 'cli', 'main.ts')

if (Number(process.versions.node.split('.')[0]) >= NEEDED) {
  const { enableCompileCache } = await import('node:module')
  enableCompileCache()
  const cli = await import(new URL('../src/cli/main.ts', import.meta.url).href)
  await cli.runProcess()
} else {
  const node = suitableNode()
  if (node === undefined) {
    process.stderr.write(
      `error: sallyport needs Node ${NEEDED} or later; this is ${process.version}\n  next     install it, or in a checkout: npm ci\n`,
    )
    process.exit(1)
  }
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', error => {
    process.stderr.write(`error: ${node} cannot be started: ${error.message}\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)))
}

function suitableNode() {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('node/package.json'))
    const file = join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
    return existsSync(file) ? file : undefined
  } catch {
    return undefined
  }
}
