import { homedir } from 'node:os'
import { join } from 'node:path'

export interface Paths {
  /** Profile and our kubeconfigs. */
  readonly config: string
  /** Tokens and locks. */
  readonly state: string
  readonly home: string
}

/** The user's folders as the platform wants them; `SALLYPORT_CONFIG_DIR` and `SALLYPORT_STATE_DIR` override. */
export function userPaths(env: NodeJS.ProcessEnv, platform: string = process.platform): Paths {
  const home = env.HOME ?? env.USERPROFILE ?? homedir()
  const [config, state] = defaults(env, platform, home)
  return {
    config: env.SALLYPORT_CONFIG_DIR ?? config,
    state: env.SALLYPORT_STATE_DIR ?? state,
    home,
  }
}

function defaults(env: NodeJS.ProcessEnv, platform: string, home: string): [config: string, state: string] {
  if (platform === 'win32') {
    const roaming = env.APPDATA ?? join(home, 'AppData', 'Roaming')
    const local = env.LOCALAPPDATA ?? join(home, 'AppData', 'Local')
    return [join(roaming, 'sallyport'), join(local, 'sallyport')]
  }
  if (platform === 'darwin' && env.XDG_CONFIG_HOME === undefined) {
    const library = join(home, 'Library', 'Application Support', 'sallyport')
    return [library, join(library, 'state')]
  }
  // The XDG specification says that relative paths are to be ignored.
  const absolute = (value: string | undefined, otherwise: string): string =>
    value?.startsWith('/') === true ? value : join(home, otherwise)
  return [
    join(absolute(env.XDG_CONFIG_HOME, '.config'), 'sallyport'),
    join(absolute(env.XDG_STATE_HOME, join('.local', 'state')), 'sallyport'),
  ]
}
