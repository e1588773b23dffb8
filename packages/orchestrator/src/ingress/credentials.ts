/** What a client proves itself with: the key is the password, the username says what it asks of routing. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** Source: RFC 7617 §2; the scheme's case is free, RFC 9110 §11.1. */
const BASIC = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i;

const NAME = "proxy-authorization";

/**
 * The `Proxy-Authorization` of a request, `undefined` for none and for one of another form. `Authorization` is the
 * target's and never looked at (faults P1, CVE-2026-40910).
 */
export function readCredentials(rawHeaders: readonly string[]): Credentials | undefined {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    if (name.length === NAME.length && name.toLowerCase() === NAME) {
      return parseBasic(rawHeaders[index + 1] ?? "");
    }
  }
  return undefined;
}

function parseBasic(value: string): Credentials | undefined {
  const text = Buffer.from(BASIC.exec(value)?.[1] ?? "", "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon === -1) return undefined;
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}
