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
    canary('certificate', longestRun(certificate)),
  )
}

/** Resolves with base64 out of the cluster's signature: what stands before it is in the request as well, which is no secret. */
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
    if (encoded !== '') return Buffer.from(encoded, 'base64').toString().split('\n').at(-4)!
    await sleep(200)
  }
}

function canary(way: string, core: string): Canary {
  return { id: way, way, core, outOfReach: null }
}

/** Of base64 the longest part of letters and digits alone. */
function longestRun(text: string): string {
  return text.split(/[-_+/]/).sort((a, b) => b.length - a.length)[0]!
}
