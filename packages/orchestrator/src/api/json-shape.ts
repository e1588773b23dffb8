/**
 * Looks over JSON text before it is parsed. Parsing costs memory and time by the number of values, not by the
 * number of bytes: 10 MB of brackets would become 5 million objects and block everybody for seconds (faults A4).
 * One pass over the bytes, nothing allocated.
 */
import { ProxyError } from "@porchlight/protocol/errors";

/** Deepest nesting of a request body: metadata's levels and the body's own, with room. */
export const MAX_JSON_DEPTH = 16;

/** Most separators between values of a request body: 256 headers and 4 KiB of metadata have fewer. */
export const MAX_JSON_SEPARATORS = 10_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/** Why JSON text should not be parsed; `undefined` when it may be tried. */
export function judgeJsonShape(bytes: Uint8Array): ProxyError | undefined {
  let depth = 0;
  let separators = 0;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index];
    if (byte === QUOTE) index = endOfString(bytes, index + 1);
    else if (byte === COMMA) separators++;
    else if (byte === OPENING_BRACKET || byte === OPENING_BRACE) depth++;
    else if (byte === CLOSING_BRACKET || byte === CLOSING_BRACE) depth--;
    if (depth > MAX_JSON_DEPTH) return refusal("is nested too deep");
    if (separators > MAX_JSON_SEPARATORS) return refusal("holds too many values");
  }
  return undefined;
}

/** Index of the quote that ends a string, or the length of what has no end. */
function endOfString(bytes: Uint8Array, start: number): number {
  let index = start;
  while (index < bytes.length && bytes[index] !== QUOTE) {
    index += bytes[index] === BACKSLASH ? 2 : 1;
  }
  return index;
}

function refusal(flaw: string): ProxyError {
  return new ProxyError("invalid_request", `The body ${flaw}`);
}
