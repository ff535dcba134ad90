import { type Detector, exactly, matchAt, type Spans } from './detector.ts'
import { isGlued } from './known-tokens.ts'
import { looksRandom } from './words.ts'

const AWS_ID = /A(?:KIA|SIA|BIA|CCA)[A-Z2-7]{16}(?![A-Za-z0-9])/y
/** 40 letters of base64 that are not a part of something longer. */
const AWS_SECRET = /(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=])/g

const awsKeys: Detector = {
  name: 'aws-key',
  about: 'Amazon: access key ids, and the secret key that stands beside one',
  personal: false,
  anchors: exactly('AKIA', 'ASIA', 'ABIA', 'ACCA'),
  possible: (text, at) => matchAt(AWS_ID, text, at) !== null,
  look(text, at, _behind, spans) {
    const id = matchAt(AWS_ID, text, at)
    if (id === null || isGlued(text, at)) return
    spans.push(at, at + id[0].length)
    beside(text, at, at + id[0].length, spans)
  },
}

/** In lines before and after, as in a credentials file or a console's CSV. */
function beside(text: string, start: number, end: number, spans: Spans): void {
  const from = Math.max(0, start - 160)
  const window = text.slice(from, end + 240)
  for (const found of window.matchAll(AWS_SECRET)) {
    const secret = found[0]
    if (!/[A-Z]/.test(secret) || !/[a-z]/.test(secret) || !/\d/.test(secret) || !looksRandom(secret)) continue
    spans.push(from + found.index, from + found.index + 40)
  }
}

function keyAt(
  name: string,
  about: string,
  anchors: readonly string[],
  pattern: RegExp,
  alone = false,
): Detector {
  return {
    name,
    about,
    personal: false,
    anchors: exactly(...anchors),
    possible: (text, at) => matchAt(pattern, text, at) !== null,
    look(text, at, behind, spans) {
      if (at < behind || (alone && isGlued(text, at))) return
      const found = matchAt(pattern, text, at)
      if (found === null) return
      const secret = found.slice(1).find(part => part !== undefined) ?? found[0]
      const end = at + found[0].length
      spans.push(end - secret.length, end)
    },
  }
}

export const cloudKeys: readonly Detector[] = [
  awsKeys,
  keyAt(
    'aws-session-token',
    'Amazon: session tokens, Bedrock keys, signatures of presigned addresses',
    ['FwoGZXIvYXdz', 'IQoJb3JpZ2lu', 'FQoGZXIvYXdz', 'ABSK', 'X-Amz-S', 'AQoDYXdz'],
    /(?:FwoGZXIvYXdz[A-Za-z0-9+/=%]{40,4096}|IQoJb3JpZ2lu[A-Za-z0-9+/=%]{40,4096}|F[Q]oGZXIvYXdz[A-Za-z0-9+/=%]{40,4096}|AQoDYXdz[A-Za-z0-9+/=%]{40,4096}|ABSK[A-Za-z0-9+/]{100,200}={0,2}|X-Amz-Signature=([0-9a-f]{64})|X-Amz-Security-Token=([A-Za-z0-9+/=%_-]{40,4096}))/y,
  ),
  keyAt(
    'gcp-key',
    'Google: API keys, OAuth tokens and client secrets, HMAC keys, signatures of addresses',
    ['AIza', 'ya29.', 'GOCSPX-', 'GOOG1E', 'X-Goog-S', '1//0'],
    /(?:AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,2048}|GOCSPX-[A-Za-z0-9_-]{20,40}|GOOG1E[A-Z0-9]{50,70}|X-Goog-Signature=([0-9a-f]{100,1024})|1\/\/0[A-Za-z0-9_-]{40,256})/y,
    true,
  ),
  keyAt(
    'azure-key',
    'Azure: keys of storage and of message queues, shared access signatures, client secrets',
    ['AccountKey=', 'SharedAccessKey=', 'sig=', 'SharedAccessSignature'],
    /(?:AccountKey=([A-Za-z0-9+/]{40,128}={0,2})|SharedAccessKey=([A-Za-z0-9+/]{40,128}={0,2})|sig=([A-Za-z0-9+/]{10,128}(?:%[0-9A-Fa-f]{2}[A-Za-z0-9+/]{0,128}){0,40}={0,2})|SharedAccessSignature=([^\s"';]{20,1024}))/y,
  ),
  {
    name: 'azure-client-secret',
    about: 'Azure: client secrets of Entra applications, storage and DevOps keys by the mark within them',
    personal: false,
    anchors: exactly('[78]Q~', '+AStA', '+ACDb', '+ASbA', 'AzFu', 'AzSe', 'AZDO'),
    look(text, at, behind, spans) {
      if (at < behind) return
      const from = Math.max(0, at - 128)
      const isClient = text[at + 1] === 'Q'
      const letters = isClient ? /[A-Za-z0-9_~.-]{1,8}$/ : /[A-Za-z0-9+/]{30,128}$/
      const before = letters.exec(text.slice(from, at))
      const after = matchAt(
        isClient ? /[78]Q~[A-Za-z0-9_~.-]{31,34}/y : /[A-Za-z0-9+/]{8,40}={0,2}/y,
        text,
        at,
      )
      if (before === null || after === null) return
      spans.push(at - (isClient ? Math.min(3, before[0].length) : before[0].length), at + after[0].length)
    },
  },
]
