import { Scalar, stringify } from 'yaml'

/**
 * YAML of plain data. Strings with characters that a terminal would obey are double-quoted, the one style in which
 * they can be escaped without changing what is read.
 */
export function toYaml(document: unknown): string {
  const quote = (_key: unknown, value: unknown): unknown => {
    if (
      typeof value !== 'string' ||
      !/[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/.test(value)
    ) {
      return value
    }
    const scalar = new Scalar(value)
    scalar.type = 'QUOTE_DOUBLE'
    return scalar
  }
  return stringify(document, quote, { lineWidth: 0, aliasDuplicateObjects: false })
}
