import { test } from 'node:test'
import { assertSurvivesKills } from '../faults/kill.ts'

/** `SALLYPORT_KILLS` says how often. */
const kills = Number(process.env.SALLYPORT_KILLS ?? '25')

test(`kill -9 under load ${kills} times loses nothing acknowledged`, { timeout: kills * 24_000 }, t =>
  assertSurvivesKills(t, kills),
)
