/** C2SP tlog-checkpoint v1: origin, size, base64 root, one a line. */
export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Buffer
}

export function formatCheckpoint(checkpoint: Checkpoint): string {
  return `${checkpoint.origin}\n${checkpoint.size}\n${checkpoint.root.toString('base64')}\n`
}

/** Extension lines are let through and mean nothing. Sizes beyond 15 digits are refused: no log here gets there. */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin, size, root, ...rest] = text.split('\n')
  const bytes = Buffer.from(root ?? '', 'base64')
  if (
    origin === undefined ||
    origin === '' ||
    !/^(0|[1-9]\d{0,14})$/.test(size ?? '') ||
    !/^[A-Za-z0-9+/]{43}=$/.test(root ?? '') ||
    bytes.toString('base64') !== root ||
    rest.at(-1) !== '' ||
    rest.slice(0, -1).includes('')
  ) {
    throw new Error('not a checkpoint')
  }
  return { origin, size: Number(size), root: bytes }
}
