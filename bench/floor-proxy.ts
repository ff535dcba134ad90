// The floor of our runtime: node:https in, undici out, nothing in between. It authenticates nobody, understands
// nothing and records nothing; what Sallyport costs is measured as a multiple of this.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Pool } from 'undici'

const [certFile, keyFile, upstream, caFile, clientCertFile, clientKeyFile] = process.argv.slice(2) as string[]
const pool = new Pool(upstream!, {
  allowH2: false,
  connections: 256,
  pipelining: 1,
  connect: {
    ca: readFileSync(caFile!),
    cert: readFileSync(clientCertFile!),
    key: readFileSync(clientKeyFile!),
  },
  headersTimeout: 0,
  bodyTimeout: 0,
})
const server = createServer(
  { cert: readFileSync(certFile!), key: readFileSync(keyFile!), ALPNProtocols: ['http/1.1'], noDelay: true },
  (request, response) => {
    const accept = request.headers.accept
    pool.dispatch(
      {
        path: request.url!,
        method: request.method as 'GET',
        headers: accept === undefined ? {} : { accept },
      },
      {
        onRequestStart(controller) {
          response.on('drain', () => controller.resume())
          response.on('close', () => {
            if (!response.writableFinished) controller.abort(new Error('caller left'))
          })
        },
        onResponseStart(_controller, status, headers) {
          const { 'transfer-encoding': _dropped, connection: _hop, ...rest } = headers
          response.writeHead(status, rest)
          response.flushHeaders()
        },
        onResponseData(controller, chunk) {
          if (!response.write(chunk)) controller.pause()
        },
        onResponseEnd() {
          response.end()
        },
        onResponseError() {
          response.destroy()
        },
      },
    )
  },
)
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
