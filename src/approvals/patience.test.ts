import assert from 'node:assert/strict'
import { test } from 'node:test'
import { goDuration, patienceOf } from './patience.ts'

const FOREVER = Number.POSITIVE_INFINITY

test('who can wait for ever is held in place, who cannot is answered before he gives up', () => {
  const rows: [string, string | undefined, number][] = [
    ['kubectl/v1.36.2 (linux/amd64) kubernetes/abc', undefined, FOREVER],
    ['kubectl/v1.36.2 (linux/amd64) kubernetes/abc', '0s', FOREVER],
    ['kubectl/v1.36.2 (linux/amd64) kubernetes/abc', '30s', 29_000],
    ['OpenAPI-Generator/34.1.0/python', undefined, FOREVER],
    ['Helm/4.2.4', undefined, FOREVER],
    ['fabric8-kubernetes-client/7.0.0', undefined, 8_000],
    ['node', undefined, 240_000],
    ['kubernetes-client-javascript/2.0.1', undefined, 240_000],
    ['node', '10m', 240_000],
    ['my-operator/v1 (linux/amd64) kubernetes/$Format', undefined, 50_000],
    ['', undefined, 50_000],
    ['kubectl/v1', '500ms', 0],
    ['kubectl/v1', 'nonsense', FOREVER],
  ]
  for (const [agent, timeout, milliseconds] of rows)
    assert.equal(patienceOf(agent, timeout), milliseconds, agent)
})

test("durations as Go's parser reads them", () => {
  const rows: [string, number | null][] = [
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['100ms', 100],
    ['5', 5_000],
    ['', null],
    ['s', null],
    ['1x', null],
    ['1m 30s', null],
    ['-1s', null],
  ]
  for (const [text, milliseconds] of rows) assert.equal(goDuration(text), milliseconds, text)
})
