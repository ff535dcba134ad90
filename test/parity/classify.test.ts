import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { seeded } from './random.ts'

const script = fileURLToPath(new URL('../../scripts/classify.ts', import.meta.url))

async function classifyLines(input: string): Promise<unknown[]> {
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  child.stdin.end(input)
  assert.equal(await ended, 0)
  return output
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line) as unknown)
}

function line(raw: string): string {
  return `${Buffer.from(raw, 'latin1').toString('base64')}\n`
}

test('the command prints RequestInfo or the check, one line for each line', async () => {
  const answers = await classifyLines(
    line('GET /api/v1/namespaces/d/secrets?fieldSelector=metadata.name%3Ds HTTP/1.1\r\nHost: x\r\n\r\n') +
      line('GET /api/v1//secrets HTTP/1.1\r\nHost: x\r\n\r\n') +
      line('GET /api HTTP/1.1\r\n\r\n'),
  )
  assert.deepEqual(answers, [
    {
      isResource: true,
      verb: 'list',
      apiPrefix: 'api',
      apiGroup: '',
      apiVersion: 'v1',
      namespace: 'd',
      resource: 'secrets',
      subresource: '',
      name: 's',
      path: '/api/v1/namespaces/d/secrets',
      fieldSelector: 'metadata.name=s',
      labelSelector: '',
    },
    { refused: true, check: 'empty-segment' },
    { refused: true, check: 'http-syntax' },
  ])
})

test('garbage of any kind is one refused line', async () => {
  const random = seeded(7)
  const garbage = [
    '\n',
    '\r\n',
    '====\n',
    'no base64!\n',
    'R0VU\n',
    `${'A'.repeat(400_000)}\n`,
    '\u00e9\u4e00\n',
    ' \t\n',
  ]
  for (let left = 300; left > 0; left--) {
    const bytes = Buffer.from(Array.from({ length: random.below(60) }, () => random.below(256)))
    garbage.push(`${bytes.toString('base64')}\n`)
  }
  // Cut off in the head, and two requests on one line, of which the first counts.
  garbage.push(line('GET /api HTTP/1.1\r\nHost: x\r\n'), line('GET /api/v1/pods HTTP/1.1\r\nHo'))
  const answers = await classifyLines(garbage.join(''))
  assert.equal(answers.length, garbage.length)
  for (const answer of answers) assert.deepEqual(answer, { refused: true, check: 'http-syntax' })
  const [first] = await classifyLines(
    line('GET /api HTTP/1.1\r\nHost: x\r\n\r\nGET //x HTTP/1.1\r\nHost: x\r\n\r\n'),
  )
  assert.equal((first as { path: string }).path, '/api')
})
