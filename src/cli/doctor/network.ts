import { lookup } from 'node:dns/promises'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type PeerCertificate, type TLSSocket } from 'node:tls'
import type { ChosenGateway } from '../config/gateway.ts'
import { type Check, failed, ok, warning } from './check.ts'

const PATIENCE = 5_000
const DAY = 86_400_000

export interface Place {
  readonly host: string
  readonly port: number
}

export function placeOf(server: string): Place {
  const { hostname, port } = new URL(server)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 443 : Number(port) }
}

export async function checkDns({ host }: Place): Promise<Check> {
  if (isIP(host) !== 0) return ok('dns', `${host} is an address`)
  try {
    const found = await lookup(host, { all: true })
    return ok('dns', `${host} is ${found.map(one => one.address).join(', ')}`)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    return failed('dns', `the name ${host} cannot be looked up (${code})`, `getent hosts ${host}`)
  }
}

export async function checkTcp({ host, port }: Place): Promise<Check> {
  const socket = connectTcp({ host, port })
  try {
    const began = Date.now()
    await opened(socket, 'connect')
    return ok('tcp', `${host} port ${port} answers in ${Date.now() - began} ms`)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    const why: Readonly<Record<string, string>> = {
      ECONNREFUSED: 'nothing listens there',
      ETIMEDOUT: 'no answer within 5 s: a firewall, or another network',
    }
    return failed(
      'tcp',
      `${host} port ${port} cannot be reached: ${why[code] ?? code}`,
      code === 'ECONNREFUSED' && /^(127\.|::1$|localhost$)/.test(host)
        ? 'sallyport up'
        : `nc -vz ${host} ${port}`,
    )
  } finally {
    socket.destroy()
  }
}

/** The handshake, then what of the certificate is wrong: trust, name and time each with a cure of its own. */
export async function checkTls(gateway: ChosenGateway, place: Place, now: number): Promise<Check[]> {
  const { host, port } = place
  const socket = connectTls({
    host,
    port,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(gateway.ca === undefined ? {} : { ca: gateway.ca }),
    // Looked at, not used: nothing is sent on this connection.
    rejectUnauthorized: false,
  })
  try {
    await opened(socket, 'secureConnect')
    const certificate = socket.getPeerCertificate()
    return [checkTrust(socket, gateway), checkName(socket, gateway, place), checkTime(certificate, now)]
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return [failed('tls', `${host} port ${port} does not speak TLS as we do: ${code ?? message}`)]
  } finally {
    socket.destroy()
  }
}

function checkTrust(socket: TLSSocket, gateway: ChosenGateway): Check {
  const reason = String(socket.authorizationError ?? '')
  const by = gateway.caFile === undefined ? 'the trust store of Node' : gateway.caFile
  // Names and times are checks of their own.
  if (socket.authorized || reason === 'ERR_TLS_CERT_ALTNAME_INVALID' || reason === 'CERT_HAS_EXPIRED')
    return ok('tls-trust', `the chain ends at a CA of ${by}`)
  const login = `sallyport login --gateway ${gateway.server} --ca-file FILE`
  return failed('tls-trust', `the chain ends at no CA of ${by} (${reason})`, login)
}

function checkName(socket: TLSSocket, gateway: ChosenGateway, { host }: Place): Check {
  const certificate = socket.getPeerCertificate()
  const names = (certificate.subjectaltname ?? '').replace(/(DNS|IP Address):/g, '')
  if (socket.authorizationError?.toString() !== 'ERR_TLS_CERT_ALTNAME_INVALID' && names !== '')
    return ok('tls-name', `the certificate is for ${names}`)
  const other = names.split(', ')[0] ?? ''
  return failed(
    'tls-name',
    `the certificate is not for ${host} but for ${names === '' ? 'no name at all' : names}`,
    other === '' ? undefined : `sallyport status --gateway https://${other}:${placeOf(gateway.server).port}`,
  )
}

function checkTime(certificate: PeerCertificate, now: number): Check {
  const [from, to] = [Date.parse(certificate.valid_from), Date.parse(certificate.valid_to)]
  const day = (time: number): string => new Date(time).toISOString().slice(0, 10)
  if (now < from)
    return failed('tls-time', `the certificate is valid from ${day(from)}: is the clock right?`, 'date -u')
  if (now > to) return failed('tls-time', `the certificate ended on ${day(to)}`, 'date -u')
  const left = Math.floor((to - now) / DAY)
  const text = `the certificate ends on ${day(to)}`
  return left < 1 ? warning('tls-time', text) : ok('tls-time', text)
}

function opened(socket: Pick<Socket, 'on' | 'once'>, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })),
      PATIENCE,
    )
    const done =
      (end: (error: Error) => void) =>
      (error: Error): void => {
        clearTimeout(timer)
        end(error)
      }
    socket.once(
      event,
      done(() => resolve()),
    )
    // On, not once: what happens to the socket later is nobody's business.
    socket.on('error', done(reject))
  })
}
