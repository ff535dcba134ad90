import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { comparePaths, formatPath, parsePath, pathCovers, pathsMeet } from './path.ts'

for (const [text, expected] of [
  ['spec.card.number', ['spec', 'card', 'number']],
  ['data.*', ['data', '*']],
  ['data[*]', ['data', '*']],
  ['spec.items[*].pin', ['spec', 'items', '*', 'pin']],
  ['metadata.annotations["a.b/c"]', ['metadata', 'annotations', 'a.b/c']],
  ['data[".dockerconfigjson"]', ['data', '.dockerconfigjson']],
  ['["a"].b', ['a', 'b']],
  ['data["tab\\tquote\\"\\u0041"]', ['data', 'tab\tquote"A']],
  ['metadata.labels.app-name', ['metadata', 'labels', 'app-name']],
] as const) {
  test(`${text} is a path`, () => {
    assert.deepEqual(parsePath(text), { path: expected })
  })
}

for (const [text, error] of [
  ['', /names nothing/],
  ['.a', /expected a name/],
  ['a.', /expected a name/],
  ['a..b', /expected a name/],
  ['spec.pass*', /stands for one whole step/],
  ['spec.*word', /stands for one whole step/],
  ['a[0]', /they move: write \[\*\]/],
  ['a[b]', /with its quotes/],
  ['a["b]', /with its quotes/],
  ['a["b"', /with its quotes/],
  ["a['b']", /with its quotes/],
  ['a["*"]', /cannot be told from any member/],
  ['a[""]', /without a name/],
  ['a b', /expected \. or \[/],
  ['a.**', /stands for one whole step/],
  [Array.from({ length: 33 }, () => 'a').join('.'), /more than 32 steps/],
] as const) {
  test(`${JSON.stringify(text.slice(0, 20))} is no path`, () => {
    const parsed = parsePath(text)
    assert.ok('error' in parsed)
    assert.match(parsed.error, error)
  })
}

test('whatever a path can name is written so that it reads the same', () => {
  const step = fc.oneof(fc.constant('*'), fc.string({ minLength: 1 }))
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), path => {
      assert.deepEqual(parsePath(formatPath(path)), { path })
    }),
  )
})

test('any text is read or refused, never thrown at', () => {
  const piece = fc.constantFrom('a', '.', '[', ']', '"', '*', '\\', '0', ' ', 'é', '\u0000')
  fc.assert(
    fc.property(fc.array(piece), pieces => {
      const parsed = parsePath(pieces.join(''))
      assert.ok('path' in parsed ? parsed.path.length > 0 : parsed.at <= pieces.join('').length)
    }),
  )
})

test('the more special path comes first: the longer one, then the one with fewer stars', () => {
  const paths = [['data', '*'], ['data'], ['data', 'release'], ['*', '*'], ['data', '*', 'x']]
  assert.deepEqual(paths.sort(comparePaths), [
    ['data', '*', 'x'],
    ['data', 'release'],
    ['data', '*'],
    ['*', '*'],
    ['data'],
  ])
})

test('paths meet where one place can lie on both', () => {
  assert.ok(pathsMeet(['data', '*'], ['data', 'a']))
  assert.ok(pathsMeet(['data'], ['data', 'a', 'b']))
  assert.ok(!pathsMeet(['data', 'a'], ['data', 'b']))
  assert.ok(pathCovers(['data', '*'], ['data', 'a']))
  assert.ok(!pathCovers(['data', 'a'], ['data', '*']))
  assert.ok(!pathCovers(['data', 'a'], ['data']))
})
