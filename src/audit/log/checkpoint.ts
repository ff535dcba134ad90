/** C2SP tlog-checkpoint v1: origin, size, base64 root, one a line. */
export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Buffer
}

export function formatCheckpoint(checkpoint: Checkpoint): string {
  return `${checkpoint.origin}\n${checkpoint.size}\n${checkpoint.root.toString('base64')}\n`
}

export function parseCheckpoint(text: string): Checkpoint {
  const [origin, size, root, ...rest] = text.split('\n')
  if (
    origin === undefined ||
    origin === '' ||
    !/^(0|[1-9]\d{0,14})$/.test(size ?? '') ||
    !/^[A-Za-z0-9+/]{43}=$/.test(root ?? '') ||
    rest.at(-1) !== ''
  ) {
    throw new Error('not a checkpoint')
  }
  return { origin, size: Number(size), root: Buffer.from(root!, 'base64') }
}
