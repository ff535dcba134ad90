/** RFC 7468 text of one DER structure. */
export function encodePem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64')
  return `-----BEGIN ${label}-----\n${base64.replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`
}

/** DER of the one block with this label; undefined unless the text holds exactly one block, and that one. */
export function decodePem(label: string, text: string): Buffer | undefined {
  const match =
    /^\s*-----BEGIN ([A-Z0-9 ]{1,40})-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END ([A-Z0-9 ]{1,40})-----\s*$/.exec(
      text,
    )
  if (match === null || match[1] !== label || match[3] !== label) return undefined
  return Buffer.from(match[2]!.replace(/[\r\n]/g, ''), 'base64')
}
