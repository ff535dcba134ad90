/** The log on disk contradicts itself or what was promised about it: it must not be continued. */
export class LogDamaged extends Error {
  readonly check: string
  constructor(check: string, detail: string) {
    super(detail)
    this.name = 'LogDamaged'
    this.check = check
  }
}
