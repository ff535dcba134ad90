import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { Refusal } from '../errors/refusal.ts'
import { statusOf } from '../kubernetes/status.ts'

/**
 * Bytes that are not an HTTP request never become an exchange: there is no method, path or credential that could be
 * trusted. They get a `Status` of their own and the connection ends.
 */
export function writeSyntaxRefusal(error: Error & { code?: string }, socket: Duplex, callId: string): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const refusal =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new Refusal('headers-too-large', { check: 'header-size' })
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? new Refusal('request-timeout', { check: 'slow-request' })
        : new Refusal('request-ambiguous', { check: 'http-syntax' })
  const body = statusOf(refusal, callId)
  const reason =
    refusal.status === 431
      ? 'Request Header Fields Too Large'
      : refusal.status === 408
        ? 'Request Timeout'
        : 'Bad Request'
  socket.end(
    `HTTP/1.1 ${refusal.status} ${reason}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n` +
      `audit-id: ${callId}\r\nconnection: close\r\n\r\n${body.toString()}`,
  )
}

/** A whole request, only that nobody can say to which host: in its turn among the answers of the connection, the last one. */
export function refuseWithoutHost(response: ServerResponse, callId: string): void {
  const body = statusOf(new Refusal('request-ambiguous', { check: 'http-syntax' }), callId)
  response.writeHead(400, {
    'content-type': 'application/json',
    'content-length': body.length,
    'audit-id': callId,
    connection: 'close',
  })
  response.end(body)
}
