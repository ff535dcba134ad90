import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { base64, type Canary, randomCore } from './canary.ts'
import type { Hunt } from './hunt.ts'
import { certificateRequest } from './request-certificate.ts'

/** Secrets that the cluster makes itself, or that a driver leaves: planted past the gateway, then looked for as well. */
export async function plantIssued(hunt: Hunt): Promise<void> {
  const must = async (args: readonly string[], stdin?: string): Promise<string> => {
    const ran = await hunt.direct(args, stdin)
    assert.equal(ran.code, 0, `${args.join(' ')}: ${ran.stderr}`)
    return ran.stdout
  }
  const metadata = { name: 'issued', annotations: { 'kubernetes.io/service-account.name': 'default' } }
  const secret = { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/service-account-token', metadata }
  await must(['create', '-f', '-'], JSON.stringify(secret))
  let token = ''
  for (let left = 100; token === ''; left--) {
    assert.ok(left > 0, 'the controller manager issues no token')
    const encoded = await must(['get', 'secret', 'issued', '-o', 'jsonpath={.data.token}'])
    token = Buffer.from(encoded, 'base64').toString()
    if (token === '') await sleep(200)
  }
  const core = randomCore()
  const source = { persistentVolumeName: 'leaks' }
  const spec = { attacher: 'leaks.example.com', nodeName: 'nowhere', source }
  const attachment = {
    ...{ apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttachment' },
    ...{ metadata: { name: 'leaks' }, spec },
  }
  await must(['create', '-f', '-'], JSON.stringify(attachment))
  const patch = JSON.stringify({ status: { attached: true, attachmentMetadata: { device: core } } })
  const status = ['--subresource=status', '--type=merge', '-p', patch]
  await must(['patch', 'volumeattachment', 'leaks', ...status])
  const certificate = await issueCertificate(must)
  hunt.watchFor(
    canary('issued-token', longestRun(token.split('.')[2]!)),
    canary('volume', core),
    canary('certificate', certificate),
  )
}

/** Letters at the end of a certificate's base64 that are all of the second half of its signature. */
const RANDOM = 40

/**
 * Resolves with a piece of the end of the certificate as PEM: it ends with 32 bytes that are random in each ECDSA
 * signature. All before them is in the request or in other certificates as well.
 */
async function issueCertificate(
  must: (args: readonly string[], stdin?: string) => Promise<string>,
): Promise<string> {
  const request = base64(certificateRequest('leaks'))
  const spec = { request, signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'] }
  const metadata = { name: 'leaks' }
  const csr = { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata, spec }
  await must(['create', '-f', '-'], JSON.stringify(csr))
  await must(['certificate', 'approve', 'leaks'])
  for (let left = 100; ; left--) {
    assert.ok(left > 0, 'the controller manager signs nothing')
    const encoded = await must(['get', 'csr', 'leaks', '-o', 'jsonpath={.status.certificate}'])
    if (encoded === '') {
      await sleep(200)
      continue
    }
    const lines = Buffer.from(encoded, 'base64').toString().trim().replaceAll('=', '').split('\n')
    const last = lines.at(-2)!
    const before = lines.at(-3)!.slice(last.length - RANDOM)
    return last.length >= RANDOM / 2 ? last.slice(-RANDOM) : before
  }
}

function canary(way: string, core: string): Canary {
  return { id: way, way, core, outOfReach: null }
}

/** Of base64 the longest part of letters and digits alone. */
function longestRun(text: string): string {
  return text.split(/[-_+/]/).sort((a, b) => b.length - a.length)[0]!
}
