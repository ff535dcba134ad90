import { test } from 'node:test'
import { assertSurvivesKills } from '../faults/kill.ts'

test('kill -9 under load fifty times loses nothing acknowledged', { timeout: 1_200_000 }, t =>
  assertSurvivesKills(t, 50),
)
