import { test } from 'node:test'
import { assertSurvivesKills } from './kill.ts'

test('kill -9 under load, again and again, loses nothing acknowledged', { timeout: 300_000 }, t =>
  assertSurvivesKills(t, 3),
)
