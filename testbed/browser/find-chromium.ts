import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

/**
 * Chromium: of `SALLYPORT_TEST_CHROMIUM`, of the PATH, or of the usual folder. Throws when there is none: tests never pass
 * for want of a browser.
 */
export function findChromium(env: NodeJS.ProcessEnv = process.env): string {
  const asked = env.SALLYPORT_TEST_CHROMIUM
  if (asked !== undefined && asked !== '') {
    if (!isProgram(asked)) throw new Error(`SALLYPORT_TEST_CHROMIUM is ${asked}, which cannot be run`)
    return asked
  }
  const folders = [...(env.PATH ?? '').split(delimiter).filter(folder => folder !== ''), '/usr/bin']
  const found = folders.flatMap(folder => NAMES.map(name => join(folder, name))).find(isProgram)
  if (found !== undefined) return found
  throw new Error(
    'the approval page is tested in a real browser, and there is none: on Debian apt-get install -y chromium, or set SALLYPORT_TEST_CHROMIUM to one',
  )
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
