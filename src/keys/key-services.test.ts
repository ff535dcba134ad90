/** AWS KMS and Vault transit against stand-ins made from their documented shapes; test/full/kms.test.ts asks moto's KMS. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import type { KeyEncryption } from './key-encryption.ts'
import { openKeyEncryption } from './open-key-encryption.ts'
import { parseKeyEncryption } from './parse-key-encryption.ts'
import { type Asked, answerAsVault, open, reply, seal, standIn } from './testing/stand-in.ts'

const CONTEXT = { origin: 'log.example/one', epoch: 'shown-2026-11-21' }
const directory = mkdtempSync(join(tmpdir(), 'sallyport-keys-'))
after(() => rmSync(directory, { recursive: true }))

async function holds(key: KeyEncryption): Promise<void> {
  const plain = randomBytes(64)
  const wrapped = await key.wrap(plain, CONTEXT)
  assert.equal(wrapped.includes(plain.subarray(0, 16)), false)
  assert.deepEqual(await key.unwrap(wrapped, CONTEXT), plain)
  await assert.rejects(key.unwrap(wrapped, { ...CONTEXT, epoch: 'shown-2026-11-22' }))
  const changed = Buffer.from(wrapped)
  changed[changed.length - 10]! ^= 1
  await assert.rejects(key.unwrap(changed, CONTEXT))
}

describe('Vault transit', () => {
  type StandIn = Awaited<ReturnType<typeof standIn>>
  const token = `hvs.${randomBytes(12).toString('base64url')}`
  const tokenFile = join(directory, 'token')
  let vault: StandIn
  let trouble: ((asked: Asked, response: ServerResponse) => boolean) | undefined
  before(async () => {
    writeFileSync(tokenFile, `${token}\n`, { mode: 0o600 })
    vault = await standIn((asked, response) => {
      if (trouble?.(asked, response) !== true) answerAsVault(token, '/v1/team/transit', asked, response)
    })
  })
  after(() => vault.stop())
  afterEach(() => {
    trouble = undefined
    vault.asked.length = 0
  })
  const choice = () => parseKeyEncryption(`vault:${vault.url}/team/transit/sallyport?token=${tokenFile}`)

  test('wraps and unwraps, bound to the context', async () => {
    const key = await openKeyEncryption(choice())
    assert.equal(key.id, `vault:${vault.url}/team/transit/sallyport`)
    await holds(key)
    assert.equal(vault.asked[0]!.headers['x-vault-request'], 'true')
  })

  test('a key that does not bind the context is refused at the start', async () => {
    trouble = asked => {
      asked.body.associated_data = ''
      return false
    }
    await assert.rejects(openKeyEncryption(choice()), /does not bind a wrapped key to its context/)
  })

  test('is asked again when it is in trouble, and not when it refuses', async () => {
    let times = 0
    trouble = (_asked, response) => {
      times += 1
      if (times > 2) return false
      reply(response, 503, { errors: ['Vault is sealed'] })
      return true
    }
    await openKeyEncryption(choice())
    times = 0
    trouble = (_asked, response) => {
      times += 1
      reply(response, 403, { errors: ['permission denied'] })
      return true
    }
    await assert.rejects(openKeyEncryption(choice()), /did not encrypt .*: status 403, permission denied/)
    assert.equal(times, 1)
  })

  test('that is sealed, or gone, is told, and neither key nor token with it', async () => {
    trouble = (_asked, response) => {
      reply(response, 503, { errors: ['Vault is sealed'] })
      return true
    }
    await assert.rejects(openKeyEncryption(choice()), (error: Error) => {
      assert.match(error.message, /status 503, Vault is sealed/)
      assert.equal(error.message.includes(token), false)
      return true
    })
    const gone = await standIn(() => {})
    await gone.stop()
    await assert.rejects(
      openKeyEncryption(parseKeyEncryption(`vault:${gone.url}/transit/k?token=${tokenFile}`)),
      /did not encrypt .*ECONNREFUSED/,
    )
  })

  test('that does not answer is not waited for longer than ten seconds', { timeout: 60_000 }, async () => {
    trouble = () => true
    await assert.rejects(openKeyEncryption(choice()), /did not encrypt/)
  })

  test('gets the token that is in the file now', async () => {
    const key = await openKeyEncryption(choice())
    writeFileSync(tokenFile, 'hvs.another')
    try {
      await assert.rejects(key.wrap(randomBytes(32), CONTEXT), /permission denied/)
    } finally {
      writeFileSync(tokenFile, `${token}\n`)
    }
    await holds(key)
  })

  test('a token file that others can read, or that holds no token, is refused', async () => {
    const open = (name: string, text: string, mode: number) => {
      const file = join(directory, name)
      writeFileSync(file, text, { mode })
      return openKeyEncryption(parseKeyEncryption(`vault:${vault.url}/team/transit/sallyport?token=${file}`))
    }
    await assert.rejects(open('open-token', token, 0o644), /can be read by others/)
    await assert.rejects(open('two', `${token}\n${token}`, 0o600), /does not hold one token/)
    await assert.rejects(open('none', '', 0o600), /does not hold one token/)
    assert.deepEqual(vault.asked, [])
  })

  test('answers that are none are errors', async () => {
    for (const body of [{}, { data: {} }, { data: { ciphertext: 7 } }, { data: { ciphertext: 'x' } }, []]) {
      trouble = (_asked, response) => {
        reply(response, 200, body)
        return true
      }
      await assert.rejects(openKeyEncryption(choice()), /holds no ciphertext|did not encrypt/)
    }
    trouble = (_asked, response) => {
      response.writeHead(200).end(Buffer.alloc(200_000, 0x20))
      return true
    }
    await assert.rejects(openKeyEncryption(choice()), /too long/)
  })
})

describe('AWS KMS', () => {
  const ARN = 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab'
  const environment = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_EC2_METADATA_DISABLED'] as const
  const before_ = environment.map(name => process.env[name])
  before(() => {
    process.env.AWS_ACCESS_KEY_ID = 'test'
    process.env.AWS_SECRET_ACCESS_KEY = 'a-secret-of-the-test'
    process.env.AWS_EC2_METADATA_DISABLED = 'true'
  })
  after(() => {
    environment.forEach((name, i) => {
      if (before_[i] === undefined) delete process.env[name]
      else process.env[name] = before_[i]
    })
  })

  function answer(asked: Asked, response: ServerResponse): void {
    const context = JSON.stringify(asked.body.EncryptionContext)
    if (asked.headers['x-amz-target'] === 'TrentService.Encrypt') {
      const sealed = seal(Buffer.from(String(asked.body.Plaintext), 'base64'), context)
      reply(response, 200, { CiphertextBlob: sealed.toString('base64'), KeyId: ARN })
      return
    }
    const plain = open(Buffer.from(String(asked.body.CiphertextBlob), 'base64'), context)
    if (plain === null) reply(response, 400, { __type: 'InvalidCiphertextException' })
    else reply(response, 200, { Plaintext: plain.toString('base64'), KeyId: ARN })
  }
  const at = (url: string, key = 'alias/sallyport') =>
    openKeyEncryption(parseKeyEncryption(`aws-kms:${key}?region=eu-central-1&endpoint=${url}`))

  test('wraps and unwraps, bound to the context, signed, under the key that the alias named at the start', async () => {
    const kms = await standIn(answer)
    try {
      const key = await at(kms.url)
      assert.equal(key.id, `aws-kms:${ARN}`)
      await holds(key)
      assert.equal(kms.asked[0]!.body.KeyId, 'alias/sallyport')
      for (const asked of kms.asked.slice(1)) assert.equal(asked.body.KeyId, ARN)
      for (const { headers } of kms.asked) {
        assert.match(
          String(headers.authorization),
          /^AWS4-HMAC-SHA256 Credential=test\/\d{8}\/eu-central-1\/kms\//,
        )
      }
    } finally {
      await kms.stop()
    }
  })

  test('that refuses is told, with nothing secret', async () => {
    const kms = await standIn((_asked, response) =>
      reply(response, 400, {
        __type: 'AccessDeniedException',
        message: 'User is not authorized to kms:Encrypt',
      }),
    )
    try {
      await assert.rejects(at(kms.url), (error: Error) => {
        assert.match(
          error.message,
          /^AWS KMS did not encrypt .*AccessDeniedException: User is not authorized/,
        )
        assert.equal(error.cause, undefined)
        return true
      })
      assert.equal(kms.asked.length, 1)
    } finally {
      await kms.stop()
    }
  })

  test('that is away is asked three times, and not waited for longer than ten seconds', {
    timeout: 60_000,
  }, async () => {
    const kms = await standIn(() => {})
    try {
      await assert.rejects(at(kms.url), /AWS KMS did not encrypt/)
      assert.equal(kms.asked.length, 3)
    } finally {
      await kms.stop()
    }
  })
})

test('what names a key-encryption key and is wrong says so, and gives no secret away', () => {
  assert.deepEqual(parseKeyEncryption('file:/etc/kek'), { file: '/etc/kek' })
  assert.deepEqual(parseKeyEncryption('aws-kms:arn:aws:kms:eu-west-1:111122223333:key/abc'), {
    awsKms: { keyId: 'arn:aws:kms:eu-west-1:111122223333:key/abc', region: 'eu-west-1' },
  })
  assert.deepEqual(
    parseKeyEncryption('vault:https://v.example:8200/transit/k?token=/t&ca=/c&namespace=a/b'),
    {
      vault: {
        address: 'https://v.example:8200',
        mount: 'transit',
        key: 'k',
        tokenFile: '/t',
        caFile: '/c',
        namespace: 'a/b',
      },
    },
  )
  const wrong: [text: string, problem: RegExp][] = [
    ['', /is named as file:/],
    ['/etc/kek', /is named as file:/],
    ['file:kek', /whole path/],
    ['file:', /whole path/],
    ['s3:bucket', /is named as file:/],
    ['aws-kms:', /takes the ARN/],
    ['aws-kms:a b', /takes the ARN/],
    ['aws-kms:k?token=x', /no parameter token/],
    ['aws-kms:k?region=a&region=b', /region twice/],
    ['aws-kms:k?region=a/b', /no such region/],
    ['aws-kms:k?endpoint=http://kms.example.com', /must be https: keys go to kms\.example\.com/],
    ['vault:http://vault.example.com/transit/k?token=/t', /must be https/],
    ['vault:http://127.0.0.1.example.com/transit/k?token=/t', /must be https/],
    ['vault:https://u:hunter2hunter2@v.example/transit/k?token=/t', /holds a password/],
    ['vault:https://v.example/k?token=/t', /MOUNT\/KEY/],
    ['vault:https://v.example/transit/..%2fsys?token=/t', /MOUNT\/KEY/],
    ['vault:https://v.example/transit/k', /needs token=/],
    ['vault:https://v.example/transit/k?token=t', /whole path/],
    ['vault:v.example/transit/k?token=/t', /takes https/],
  ]
  for (const [text, problem] of wrong) {
    assert.throws(
      () => parseKeyEncryption(text),
      (error: Error) => problem.test(error.message) && !error.message.includes('hunter2'),
      text,
    )
  }
})
