/**
 * The one table of fields that may differ between a run directly against the API server and a run through the
 * gateway. Everything else must be equal to the letter.
 */
export const normalised: readonly { readonly what: string; readonly pattern: RegExp; readonly by: string }[] =
  [
    { what: 'namespace of the run', pattern: /\btour-(?:direct|gateway)\b/g, by: 'tour-ns' },
    { what: 'uid', pattern: /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, by: 'UID' },
    { what: 'resourceVersion', pattern: /("?resourceVersion"?:\s*)"?\d+"?/g, by: '$1RV' },
    { what: 'generation of a list or watch', pattern: /(resourceVersion=)\d+/g, by: '$1RV' },
    { what: 'generation in an Expired', pattern: /(too old resource version: \d+ )\(\d+\)/g, by: '$1(RV)' },
    {
      what: 'continue token, which holds a resourceVersion',
      pattern: /("continue":")[\w-]+/g,
      by: '$1TOKEN',
    },
    {
      what: 'times (RFC 3339)',
      pattern: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g,
      by: 'TIME',
    },
    {
      what: 'times (RFC 1123)',
      pattern: /(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g,
      by: 'TIME',
    },
    {
      what: 'times of temporary files (kubectl diff)',
      pattern: /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4}/g,
      by: 'TIME',
    },
    { what: 'ages', pattern: /(?<=[\s"]|^)(?:\d+[hms]){1,3}(?=[\s")]|$)/gm, by: 'AGE' },
    { what: 'spaces that pad a column of ages', pattern: / {2,}/g, by: '  ' },
    {
      what: 'hash of a pod template',
      pattern: /\b([a-z0-9-]+)-[bcdfghjklmnpqrstvwxz2456789]{6,10}(-[bcdfghjklmnpqrstvwxz2456789]{5})?\b/g,
      by: '$1-HASH',
    },
    {
      what: 'names of token volumes',
      pattern: /\b(kube-api-access-)[bcdfghjklmnpqrstvwxz2456789]{5}\b/g,
      by: '$1NAME',
    },
    { what: 'generated names', pattern: /\b(generated-)[bcdfghjklmnpqrstvwxz2456789]{5}\b/g, by: '$1NAME' },
    {
      what: 'pid in a temporary file name of kubectl diff',
      pattern: /\/(?:LIVE|MERGED)-\d+\//g,
      by: '/TMP/',
    },
    {
      what: 'a secret value and what is shown instead',
      pattern: /sallyport\.masked\.[a-z0-9.-]{46}|tr0ub4dor/g,
      by: 'SECRET',
    },
    { what: 'the length of either', pattern: /^(password: +)(?:9|63)( bytes)$/gm, by: '$1N$2' },
    {
      what: 'a secret value and what is shown instead, both base64',
      pattern: /c2FsbHlwb3J0Lm1hc2tlZC[A-Za-z0-9+/]{62}|dHIwdWI0ZG9y/g,
      by: 'SECRET',
    },
    {
      what: 'server address',
      pattern: /https:\/\/127\.0\.0\.1:\d+(?:\/k\/[a-z0-9-]+)?/g,
      by: 'https://SERVER',
    },
  ]

export function normalise(text: string): string {
  let out = text
  for (const { pattern, by } of normalised) out = out.replace(pattern, by)
  return out
}
