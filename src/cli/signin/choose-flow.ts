import { usage } from '../frame/failure.ts'
import type { SignInWishes } from './sign-in.ts'

export interface Flow {
  readonly kind: 'browser' | 'device'
  readonly openBrowser: boolean
}

/**
 * Browser and loopback where a person sits in front of this machine; a code for another device over SSH, in a
 * container or without a display. The issuer has to offer the second one.
 */
export function chooseFlow(
  wishes: Pick<SignInWishes, 'device' | 'browser'>,
  env: NodeJS.ProcessEnv,
  platform: string,
  hasDeviceFlow: boolean,
): Flow {
  if (wishes.device === true) {
    if (!hasDeviceFlow)
      throw usage('this issuer does not offer the device flow', 'sign in here: sallyport login')
    return { kind: 'device', openBrowser: false }
  }
  const remote = (env.SSH_CONNECTION ?? '') !== '' || (env.SSH_TTY ?? '') !== ''
  const display = platform !== 'linux' || (env.DISPLAY ?? '') !== '' || (env.WAYLAND_DISPLAY ?? '') !== ''
  const here = display && !remote
  if (!here && hasDeviceFlow) return { kind: 'device', openBrowser: false }
  return { kind: 'browser', openBrowser: here && wishes.browser !== false }
}
