const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`|~-]+"
const CONTENT_TYPE = new RegExp(
  `^(${TOKEN}/${TOKEN})[ \\t]*(?:;[ \\t]*charset[ \\t]*=[ \\t]*("?)utf-8\\2[ \\t]*)?;?$`,
  'i',
)

/**
 * The media type of a body, in lower case and without parameters, or null. The only parameter is `charset=utf-8`,
 * which is what all of them are anyway: kube-apiserver ignores `charset=utf-16` and reads UTF-8 all the same.
 */
export function bodyMediaType(value: string): string | null {
  if (value === 'application/json') return value
  return CONTENT_TYPE.exec(value)?.[1]?.toLowerCase() ?? null
}
