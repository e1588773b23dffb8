/** A request's URL in absolute form → where it leads, and how its target is asked. Source: RFC 9112 §3.2. */
import { ProxyError } from "@porchlight/protocol/errors";
import { judgeHost, type TargetPolicy } from "@porchlight/runtime/target-policy";
import { canonicalHost } from "@porchlight/runtime/target-policy-address";
import { HOST_AND_PORT } from "./authority.ts";

/** Where a forwarded request goes. */
export interface ForwardTarget {
  /** In its one spelling (`canonicalHost`), IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Host, and port where the URL names one, as the client wrote them: what `Host` says. */
  readonly authority: string;
  /** Path and query, byte for byte as the client wrote them; `*` for OPTIONS of the whole server. */
  readonly path: string;
}

/** Scheme, authority of ASCII, and path with query; a fragment fits none of them. */
const ABSOLUTE_FORM = /^([a-z][a-z0-9+.-]*):\/\/([!-.0->@-~]*)((?:[/?][^#]*)?)$/i;

const DEFAULT_PORT = 80;

/**
 * Reads a URL and judges where it leads; names are judged again where they are resolved.
 * @throws {ProxyError} `invalid_url` for what is no http URL, `target_forbidden` or `port_forbidden` for one that
 * leads where nobody may (faults P4)
 */
export function forwardTarget(method: string, url: string, policy: TargetPolicy): ForwardTarget {
  const [, scheme, authority = "", pathAndQuery = ""] = ABSOLUTE_FORM.exec(url) ?? [];
  refuseScheme(scheme?.toLowerCase());
  if (authority.includes("@")) throw invalid("The URL holds credentials");
  const [, givenHost = "", givenPort = ""] = HOST_AND_PORT.exec(authority) ?? [];
  const host = canonicalHost(givenHost);
  if (host === undefined) throw invalid("The URL has no valid host and port");
  const port = givenPort === "" ? DEFAULT_PORT : Number(givenPort);
  const refusal = judgeHost(host, port, policy);
  if (refusal !== undefined) throw refusal;
  return { host, port, authority, path: originForm(method, pathAndQuery) };
}

function refuseScheme(scheme: string | undefined): void {
  if (scheme === "http") return;
  if (scheme === undefined)
    throw invalid("The request's target is not a URL like http://host/path");
  if (scheme !== "https") throw invalid("Only http URLs are forwarded");
  throw invalid("An https URL is not forwarded: ask for a tunnel to its host with CONNECT");
}

function originForm(method: string, pathAndQuery: string): string {
  if (pathAndQuery.startsWith("/")) return pathAndQuery;
  // Source: RFC 9112 §3.2.4.
  if (pathAndQuery === "" && method === "OPTIONS") return "*";
  return `/${pathAndQuery}`;
}

function invalid(message: string): ProxyError {
  return new ProxyError("invalid_url", message);
}
