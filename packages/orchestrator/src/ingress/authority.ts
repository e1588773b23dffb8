import { ProxyError } from "@porchlight/protocol/errors";
import { canonicalHost } from "@porchlight/runtime/target-policy-address";

/** Where a tunnel is to lead. */
export interface Authority {
  /** In its one spelling (`canonicalHost`), IPv6 without brackets. */
  readonly host: string;
  /** 1..65535. */
  readonly port: number;
}

/** Host (a bracketed one is IPv6), and a port that may be missing or empty. Source: RFC 3986 §3.2. */
export const HOST_AND_PORT =
  /^(\[[0-9A-Fa-f:.]{2,45}\]|[^\s:/?#@,[\]\\]{1,255})(?::([0-9]{0,5}))?$/;

/**
 * The target of CONNECT: `host:port`, nothing else and nothing left out. Source: RFC 9112 §3.2.3.
 * @throws {ProxyError} `invalid_url` for anything else (faults P3); never with the text in it
 */
export function parseAuthority(text: string): Authority {
  const [, givenHost = "", givenPort] = HOST_AND_PORT.exec(text) ?? [];
  const host = canonicalHost(givenHost);
  const port = Number(givenPort);
  if (host === undefined || !(port >= 1 && port <= 65_535)) {
    throw new ProxyError("invalid_url", "CONNECT takes host:port, with a port from 1 to 65535");
  }
  return { host, port };
}
