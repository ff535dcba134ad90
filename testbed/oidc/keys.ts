import { Buffer } from 'node:buffer'
import { createPrivateKey, generateKeyPairSync, randomUUID, sign, type webcrypto } from 'node:crypto'

export type SigningAlgorithm = 'RS256' | 'ES256'

/** A private signing key as a JWK, with an identifier of its own. */
export interface SigningKey extends webcrypto.JsonWebKey {
  readonly alg: SigningAlgorithm
  readonly kid: string
}

export function createSigningKey(alg: SigningAlgorithm): SigningKey {
  const { privateKey } =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: randomUUID() }
}

/** Compact JWS (RFC 7515) of any claims. */
export function signJwt(key: SigningKey, claims: object, header: object = {}): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${encode({ alg: key.alg, typ: 'JWT', kid: key.kid, ...header })}.${encode(claims)}`
  const signature = sign('sha256', Buffer.from(input), {
    key: createPrivateKey({ key, format: 'jwk' }),
    dsaEncoding: 'ieee-p1363',
  })
  return `${input}.${signature.toString('base64url')}`
}

/** The claims of a JWT, unverified. */
export function readClaims(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}
