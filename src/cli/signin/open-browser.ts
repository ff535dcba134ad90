import { spawn } from 'node:child_process'

/**
 * Asks the desktop to open an address; what comes of it does not matter, because the address was printed. No shell
 * is involved. `SALLYPORT_BROWSER` names another program.
 */
export function openBrowser(url: string, env: NodeJS.ProcessEnv): void {
  // The address comes from the issuer: a program or a file is nothing to open.
  if (!/^https?:\/\//.test(url)) return
  const [command, args] = commandFor(url, env, process.platform)
  const child = spawn(command, args, { stdio: 'ignore', detached: true })
  child.on('error', () => {})
  child.unref()
}

function commandFor(
  url: string,
  env: NodeJS.ProcessEnv,
  platform: string,
): [command: string, args: string[]] {
  const chosen = env.SALLYPORT_BROWSER
  if (chosen !== undefined && chosen !== '') return [chosen, [url]]
  if (platform === 'darwin') return ['open', [url]]
  if (platform === 'win32') return ['rundll32', ['url.dll,FileProtocolHandler', url]]
  return ['xdg-open', [url]]
}
