import { DecryptCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms'
import type { KeyEncryption } from './key-encryption.ts'
import type { AwsKmsChoice } from './key-encryption-choice.ts'
import { serverUrl } from './parse-key-encryption.ts'

/** Milliseconds; three attempts stay below the ten seconds that a key may take. */
const CONNECT = 1_500
const ANSWER = 2_000
const ATTEMPTS = 3

/**
 * A symmetric key of AWS KMS (`Encrypt`, `Decrypt`, with the context as EncryptionContext). Credentials come from where the
 * SDK looks for them: environment, web identity, pod identity, instance, profile. An alias is resolved once, so that what
 * it is pointed at later does not change what this process wraps with; that takes an encryption, so not where it is
 * only read with.
 */
export async function awsKmsEncryption(
  choice: AwsKmsChoice,
  use: 'to-wrap' | 'to-read' = 'to-wrap',
): Promise<KeyEncryption> {
  if (choice.endpoint !== undefined) serverUrl('the endpoint of AWS KMS', choice.endpoint)
  const client = new KMSClient({
    maxAttempts: ATTEMPTS,
    requestHandler: { connectionTimeout: CONNECT, requestTimeout: ANSWER, throwOnRequestTimeout: true },
    ...(choice.region === undefined ? {} : { region: choice.region }),
    ...(choice.endpoint === undefined ? {} : { endpoint: choice.endpoint }),
  })
  let keyId = choice.keyId
  const wrap = async (key: Uint8Array, context: Readonly<Record<string, string>>) => {
    const command = new EncryptCommand({ KeyId: keyId, Plaintext: key, EncryptionContext: { ...context } })
    return await client.send(command).catch(error => fail(choice.keyId, 'encrypt', error))
  }
  if (use === 'to-wrap') {
    keyId = (await wrap(new Uint8Array(32), { purpose: 'sallyport-key-name' })).KeyId ?? keyId
  }
  return {
    id: `aws-kms:${keyId}`,
    async wrap(key, context) {
      return Buffer.from((await wrap(key, context)).CiphertextBlob!)
    },
    async unwrap(wrapped, context) {
      const command = new DecryptCommand({
        KeyId: keyId,
        CiphertextBlob: wrapped,
        EncryptionContext: { ...context },
      })
      const { Plaintext } = await client.send(command).catch(error => fail(choice.keyId, 'decrypt', error))
      return Buffer.from(Plaintext!)
    },
  }
}

/** The SDK's errors carry requests and answers; only their name and words go on. */
function fail(keyId: string, what: string, error: unknown): never {
  const { name, message } = error as Error
  const detail = message === '' || message === name ? name : `${name}: ${message}`
  throw new Error(`AWS KMS did not ${what} with the key ${keyId}: ${detail.slice(0, 500)}`)
}
