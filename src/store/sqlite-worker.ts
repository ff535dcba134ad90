import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { createEngine } from './engine.ts'
import type { Request } from './messages.ts'
import { openDatabase } from './open-database.ts'

/**
 * The thread that blocks on the disk. While it waits for one commit, further requests pile up on the port; they
 * are then taken together, so that concurrent commits share one sync (group commit) without any delay of ours.
 */
const port = parentPort
if (port === null) throw new Error('this file runs as a worker of openSqliteStore')

const MOST_PER_BATCH = 512

const db = openDatabase((workerData as { file: string }).file)
const engine = createEngine(db, Date.now)
engine.forgetDeletions()
const forget = setInterval(() => {
  try {
    engine.forgetDeletions()
  } catch {
    // A full or locked disk shows itself to the next commit; forgetting can wait an hour.
  }
}, 3_600_000)

port.on('message', (first: Request) => {
  const batch = [first]
  while (batch.length < MOST_PER_BATCH) {
    const next = receiveMessageOnPort(port) as { message: Request } | undefined
    if (next === undefined) break
    batch.push(next.message)
  }
  const answers = engine.run(batch)
  if (batch.some(request => request.op === 'close')) {
    clearInterval(forget)
    db.close()
    port.postMessage(answers)
    port.close()
    return
  }
  port.postMessage(answers)
})
port.postMessage('open')
