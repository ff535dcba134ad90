#!/usr/bin/env node
// Starts the command line with a Node that can run it. Plain JavaScript without dependencies: the Node that starts it
// may be older than the one the product needs, and then the npm package `node` takes over, if it is there.
import { existsSync, lstatSync, mkdirSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NEEDED = 24
const main = join(dirname(dirname(fileURLToPath(import.meta.url))), 'src', 'cli', 'main.ts')

if (Number(process.versions.node.split('.')[0]) >= NEEDED) {
  const { enableCompileCache, getCompileCacheDir } = await import('node:module')
  const folder = getCompileCacheDir() === undefined ? ownFolder() : undefined
  if (folder !== undefined) enableCompileCache(folder)
  const cli = await import(new URL('../src/cli/main.ts', import.meta.url).href)
  await cli.runProcess()
} else {
  const node = await suitableNode()
  if (node === undefined) {
    process.stderr.write(
      `error: sallyport needs Node ${NEEDED} or later; this is ${process.version}\n  next     install it, or in a checkout: npm ci\n`,
    )
    process.exit(1)
  }
  const { spawn } = await import('node:child_process')
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', error => {
    process.stderr.write(`error: ${node} cannot be started: ${error.message}\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)))
}

/**
 * Where compiled code is kept, which halves the time to start. It is run as it is found there, so the folder is this
 * user's alone: Node's default below the common folder for temporary files can be made by anybody first.
 */
function ownFolder() {
  const { HOME, LOCALAPPDATA, XDG_CACHE_HOME } = process.env
  const windows = process.platform === 'win32'
  const home = HOME !== undefined && isAbsolute(HOME) ? join(HOME, '.cache') : undefined
  const base = windows ? LOCALAPPDATA : XDG_CACHE_HOME?.startsWith('/') ? XDG_CACHE_HOME : home
  if (base === undefined) return undefined
  const folder = join(base, 'sallyport', 'compiled')
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (windows) return folder
    const found = lstatSync(folder)
    return found.isDirectory() && found.uid === process.getuid() && (found.mode & 0o077) === 0
      ? folder
      : undefined
  } catch {
    return undefined
  }
}

async function suitableNode() {
  try {
    const { createRequire } = await import('node:module')
    const folder = dirname(createRequire(import.meta.url).resolve('node/package.json'))
    const file = join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
    return existsSync(file) ? file : undefined
  } catch {
    return undefined
  }
}
