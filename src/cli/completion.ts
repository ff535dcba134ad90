import { bashScript } from './completion/bash.ts'
import { fishScript } from './completion/fish.ts'
import { powershellScript } from './completion/powershell.ts'
import { zshScript } from './completion/zsh.ts'
import type { Run } from './frame/context.ts'
import { exitCodes } from './frame/failure.ts'

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript, powershell: powershellScript }

export const run: Run = async (context, [shell = '']) => {
  context.output.raw(scripts[shell as keyof typeof scripts]())
  return exitCodes.done
}
