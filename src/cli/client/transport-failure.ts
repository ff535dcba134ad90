import type { ChosenGateway } from '../config/gateway.ts'
import { exitCodes, Failure } from '../frame/failure.ts'

/** No answer. `mayHaveHappened`: the request had left and asked for a change. */
export function failureOfTransport(error: Error, gateway: ChosenGateway, mayHaveHappened: boolean): Failure {
  if (error instanceof Failure) return error
  const { server } = gateway
  const code = (error as NodeJS.ErrnoException).code ?? ''
  if (isTrust(code)) {
    return new Failure({
      exitCode: exitCodes.unreachable,
      what: `the certificate of ${server} is not trusted (${code})`,
      check:
        gateway.caFile === undefined
          ? 'the trust store of this machine'
          : `${gateway.caFile} (${gateway.caFrom})`,
      next: "name the gateway's CA: sallyport login --gateway URL --ca-file FILE",
    })
  }
  if (mayHaveHappened) {
    return new Failure({
      exitCode: exitCodes.outcomeUnknown,
      what: `${server} was lost after the request had been sent: it may or may not have happened`,
      next: 'look before you repeat it: sallyport audit search --since 5m',
    })
  }
  return new Failure({
    exitCode: exitCodes.unreachable,
    what: `${server} cannot be reached: ${reasons[code] ?? (code === '' ? error.message : code)}`,
    check: `the gateway was chosen by ${gateway.from}`,
    next: 'see which gateway is chosen and why: sallyport status',
  })
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name could not be looked up',
  ETIMEDOUT: 'it did not answer in time',
  ECONNRESET: 'it closed the connection',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no network',
  EPROTO: 'it does not speak TLS',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
}

function isTrust(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ERR_TLS_/.test(code)
}
