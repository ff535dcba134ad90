import { constants, copyFileSync, realpathSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Document, isMap, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from 'yaml'
import { readIfThere, replacePrivately } from '../config/private-file.ts'
import { exitCodes, Failure } from '../frame/failure.ts'
import type { KubeconfigEntries } from './render.ts'

/** The file that kubectl would write to: the first of KUBECONFIG, else ~/.kube/config. */
export function userKubeconfig(env: NodeJS.ProcessEnv, home: string): string {
  const listed = (env.KUBECONFIG ?? '').split(delimiter).filter(file => file !== '')
  return listed[0] ?? join(home, '.kube', 'config')
}

/**
 * Adds our entries to a kubeconfig of the user, replacing only those of the same name. Everything else stays as it
 * is, comments and `current-context` included; the file as it was is kept beside it.
 */
export function mergeKubeconfig(
  file: string,
  entries: readonly KubeconfigEntries[],
  now: Date,
): { readonly backup: string | undefined } {
  const text = readIfThere(file)
  // A symbolic link (dotfiles) stays one: what it points to is replaced.
  const target = text === undefined ? file : realpathSync(file)
  const document = parseDocument(text ?? 'apiVersion: v1\nkind: Config\n')
  if (document.errors.length > 0 || !isMap(document.contents)) {
    throw new Failure({
      exitCode: exitCodes.failed,
      what: `${file} is not a kubeconfig that can be read${document.errors[0] === undefined ? '' : ` (line ${document.errors[0].linePos?.[0].line})`}; it was not touched`,
      next: 'use a file of its own instead: sallyport connection use NAME',
    })
  }
  for (const { name, cluster, user, context } of entries) {
    put(document, 'clusters', name, { name, cluster })
    put(document, 'users', name, { name, user })
    put(document, 'contexts', name, { name, context })
  }
  const backup = text === undefined ? undefined : `${target}.before-sallyport-${stamp(now)}`
  if (backup !== undefined) copyFileSync(target, backup, constants.COPYFILE_EXCL)
  replacePrivately(target, document.toString({ lineWidth: 0 }))
  return { backup }
}

function put(document: Document, list: string, name: string, entry: object): void {
  const found = document.get(list)
  if (!isSeq(found)) {
    document.set(list, document.createNode([entry]))
    return
  }
  const seq = found as YAMLSeq
  const at = seq.items.findIndex(item => isMap(item) && (item as YAMLMap).get('name') === name)
  if (at === -1) seq.add(document.createNode(entry))
  else seq.set(at, document.createNode(entry))
}

function stamp(now: Date): string {
  return now.toISOString().replace(/[-:]/g, '').slice(0, 19)
}
