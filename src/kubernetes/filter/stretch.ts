const EMPTY = Buffer.alloc(0)

/** Bytes of a stream that have come and were not taken yet, without copies as long as they lie in one chunk. */
export class Stretch {
  /** Offset in the stream of the first byte that was not taken. */
  start = 0
  /** Offset behind the last byte that has come. */
  end = 0
  #pending: Uint8Array[] = []
  /** Bytes in `#pending`. */
  #kept = 0
  #chunk: Uint8Array = EMPTY
  #chunkStart = 0

  /** Another chunk, of which `take` may take; `keep` follows. */
  begin(chunk: Uint8Array): void {
    this.#chunk = chunk
    this.#chunkStart = this.end
    this.end += chunk.length
  }

  /** What of the chunk was not taken waits for the next one. */
  keep(): void {
    const rest = this.#chunk.subarray(Math.max(0, this.start - this.#chunkStart))
    this.#chunk = EMPTY
    this.#chunkStart = this.end
    if (rest.length > 0) this.add(rest)
  }

  add(bytes: Uint8Array): void {
    this.#pending.push(bytes)
    this.#kept += bytes.length
  }

  /** Bytes that wait. */
  get length(): number {
    return this.#kept
  }

  held(): readonly Uint8Array[] {
    return this.#pending
  }

  /** All bytes up to `end`. */
  take(end: number): Buffer {
    const from = Math.max(0, this.start - this.#chunkStart)
    const part = this.#chunk.subarray(from, Math.max(from, end - this.#chunkStart))
    this.start = end
    if (this.#pending.length === 0) return Buffer.from(part.buffer, part.byteOffset, part.length)
    this.#pending.push(part)
    const whole = Buffer.concat(this.#pending)
    this.#pending = []
    this.#kept = 0
    return whole
  }

  /** Nobody wants what has come so far. */
  drop(): void {
    this.start = this.end
    this.#pending = []
    this.#kept = 0
  }
}
