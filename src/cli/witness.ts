import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { printable } from '../audit/sentence.ts'
import { API_VERSION } from '../brand.ts'
import { type Run, text, texts } from './frame/context.ts'
import { exitCodes, Failure, usage } from './frame/failure.ts'

/** A witness of its own: cosigns checkpoints of the logs that it is given. Runs until SIGTERM or SIGINT. */
export const run: Run = async (context, _args, options) => {
  const directory = text(options, 'dataDir')
  const logs = texts(options, 'log').map(textOrFile)
  if (directory === undefined) throw usage('witness needs --data-dir DIR')
  if (logs.length === 0) throw usage('witness needs --log KEY: it cosigns for logs that it knows')
  const certificate = text(options, 'tlsCert')
  const key = text(options, 'tlsKey')
  if ((certificate === undefined) !== (key === undefined)) throw usage('give both --tls-cert and --tls-key')
  const { host, port } = listenOf(text(options, 'listen') ?? '127.0.0.1:8470')
  const name = text(options, 'name')
  const [{ openWitness }, { serveWitness }] = await Promise.all([
    import('../witness/witness.ts'),
    import('../witness/serve.ts'),
  ])
  const stopped = Promise.withResolvers<void>()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopped.resolve())
  try {
    const witness = await openWitness({
      directory: resolve(directory),
      logs,
      fallbackName: () => `sallyport-witness/${crypto.randomUUID().slice(0, 8)}`,
      onEvent: event =>
        context.warn(
          `${new Date().toISOString()} ${event.type} ${printable(event.origin)}: ${printable(event.detail)}`,
        ),
      ...(name === undefined ? {} : { name }),
    })
    try {
      const server = await serveWitness({
        witness,
        host,
        port,
        ...(certificate === undefined || key === undefined
          ? {}
          : { tls: { certificate: read(certificate), key: read(key) } }),
      })
      const facts = { apiVersion: API_VERSION, kind: 'Witness', url: server.url, vkey: witness.vkey }
      if (context.output.format === 'json') context.output.raw(`${JSON.stringify(facts)}\n`)
      else {
        context.output.raw(`witness ${witness.name} serves ${server.url}\n`)
        context.output.raw(`its verifier key: ${witness.vkey}\n`)
        context.output.raw(`give it to the log: sallyport up --witness '${witness.vkey}=${server.url}'\n`)
        context.output.raw(`and to whoever verifies: sallyport verify DIR --witness '${witness.vkey}'\n`)
      }
      await stopped.promise
      await server.stop()
    } finally {
      await witness.close()
    }
    return exitCodes.done
  } catch (error) {
    if (error instanceof Failure) throw error
    const what = error instanceof Error ? error.message : String(error)
    throw new Failure({ exitCode: exitCodes.failed, what: `the witness cannot run: ${what}` })
  }
}

/** A key, or a file that holds one. */
function textOrFile(value: string): string {
  return existsSync(value) ? readFileSync(value, 'utf8').trim() : value
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw usage(`the file ${file} cannot be read`)
  }
}

function listenOf(value: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:]+)):(\d{1,5})$/.exec(value)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) throw usage(`--listen takes HOST:PORT, not ${JSON.stringify(value)}`)
  return { host: match[1] ?? match[2]!, port }
}
