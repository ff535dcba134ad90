/**
 * What a plain (unquoted) YAML scalar means to kube-apiserver: sigs.k8s.io/yaml 1.6 on go.yaml.in/yaml/v2, which is
 * YAML 1.1 with habits of its own (`yes` is true, `0777` is octal, `1_000` a number, dates are strings). Scalars that
 * readers understand differently, other than the booleans that upstream's users know, are refused rather than guessed.
 */
export type PlainScalar =
  | { readonly refused: false; readonly json: string; readonly isString: boolean }
  | { readonly refused: true; readonly detail: string }

const TRUE = new Set(['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'])
const FALSE = new Set(['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'])
const NULL = new Set(['', '~', 'null', 'Null', 'NULL'])
const NOT_FINITE = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/
const INTEGER = /^[-+]?(?:0|[1-9]\d*)$/
/** With a point or an exponent, and no zero before other digits. */
const FRACTION = /^[-+]?(?:\.\d+|(?:0|[1-9]\d*)(?:\.\d*)?)(?:[eE][-+]?\d+)?$/
/** A number to upstream after it has dropped underscores, though not one in plain decimal notation. */
const OTHER_NUMBER =
  /^[-+]?(?:0[xX][\da-fA-F]+|0[oO][0-7]+|0[bB][01]+|(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?)$/
const LARGEST = 18_446_744_073_709_551_615n
const SMALLEST = -9_223_372_036_854_775_808n

export function readPlainScalar(text: string): PlainScalar {
  if (TRUE.has(text)) return { refused: false, json: 'true', isString: false }
  if (FALSE.has(text)) return { refused: false, json: 'false', isString: false }
  if (NULL.has(text)) return { refused: false, json: 'null', isString: false }
  if (NOT_FINITE.test(text)) return refused('infinity and NaN cannot be said in JSON')
  if (INTEGER.test(text)) return readInteger(text)
  if (FRACTION.test(text)) {
    const value = Number(text)
    if (!Number.isFinite(value)) return refused('a number is too large')
    return { refused: false, json: String(value), isString: false }
  }
  if (OTHER_NUMBER.test(text.replaceAll('_', '')) && !text.startsWith('_')) {
    return refused('a number is not in plain decimal notation; quote it if it is text')
  }
  return { refused: false, json: JSON.stringify(text), isString: true }
}

function readInteger(text: string): PlainScalar {
  if (text.length > 21) return refused('a number does not fit into 64 bits; quote it if it is text')
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text)
  if (value > LARGEST || value < SMALLEST) {
    return refused('a number does not fit into 64 bits; quote it if it is text')
  }
  return { refused: false, json: value.toString(), isString: false }
}

function refused(detail: string): PlainScalar {
  return { refused: true, detail }
}
