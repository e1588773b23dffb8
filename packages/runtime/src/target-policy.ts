/**
 * Where connections may go: addresses, ports and domains, judged by the agent for every connection it makes
 * (after name resolution, faults A16, G17) and by the orchestrator for what can be told early (faults A14, A15).
 */
import { ProxyError } from "@porchlight/protocol/errors";
import { canonicalHost, isLiteral, parseAddress, type CidrList } from "./target-policy-address.ts";
import { reasonAgainst } from "./special-purpose-addresses.ts";

export { isLoopback, type CidrList } from "./target-policy-address.ts";
export { formatPorts, parseCidrs, parseDomains, parsePorts } from "./target-policy-settings.ts";

/** Ports from `first` to `last`, both included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Ports that may be dialled. */
export type PortSet = readonly PortRange[];

/** Canonical hosts; with `*.` in front, every host below. */
export type DomainList = readonly string[];

/** What one side of Porchlight lets connections reach. */
export interface TargetPolicy {
  readonly ports: PortSet;
  /** Networks that may be dialled although they are not public. */
  readonly allow: CidrList;
  /** Networks this machine is on: refused even where they look public. */
  readonly local?: CidrList | undefined;
  /** When given and not empty, only these hosts. */
  readonly allowDomains?: DomainList | undefined;
  /** Never these hosts, whatever else is allowed. */
  readonly denyDomains?: DomainList | undefined;
}

/** Longest piece of a user's text in a message. Characters. */
const SHOWN_CHARS = 80;

/**
 * Judges an address about to be dialled, in any spelling: `target_forbidden` for one that is not public and
 * not in `allow`, for one in `local`, for one with a zone, and for what is no address.
 */
export function judgeAddress(
  address: string,
  allow: CidrList,
  local: CidrList = [],
): ProxyError | undefined {
  const parsed = parseAddress(address);
  if (parsed === undefined) {
    const flaw = address.includes("%")
      ? "has a zone, which means nothing elsewhere"
      : "is no address";
    return new ProxyError("target_forbidden", `${shown(address)} ${flaw}`);
  }
  const reason = reasonAgainst(parsed, allow, local);
  if (reason === undefined) return undefined;
  return new ProxyError("target_forbidden", `${shown(address)} is ${reason}`);
}

/** Judges a port: `invalid_url` for what is no port at all (faults A14), `port_forbidden` for one not in `ports`. */
export function judgePort(port: number, ports: PortSet): ProxyError | undefined {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    return new ProxyError("invalid_url", `${port} is no port from 1 to 65535`);
  }
  if (ports.some(({ first, last }) => first <= port && port <= last)) return undefined;
  return new ProxyError("port_forbidden", `Port ${port} is not allowed`);
}

/** Judges a host by name: `target_forbidden` when `denyDomains` holds it, or a non-empty `allowDomains` does not. */
export function judgeDomain(
  host: string,
  lists: Pick<TargetPolicy, "allowDomains" | "denyDomains">,
): ProxyError | undefined {
  const { allowDomains = [], denyDomains = [] } = lists;
  if (allowDomains.length === 0 && denyDomains.length === 0) return undefined;
  const name = canonicalHost(host);
  if (name === undefined) return new ProxyError("invalid_url", `${shown(host)} is no host`);
  if (denyDomains.some((domain) => covers(domain, name))) {
    return new ProxyError("target_forbidden", `${shown(name)} is among the denied domains`);
  }
  if (allowDomains.length === 0 || allowDomains.some((domain) => covers(domain, name))) {
    return undefined;
  }
  return new ProxyError("target_forbidden", `${shown(name)} is not among the allowed domains`);
}

/**
 * Judges a host and port before any name is resolved: addresses in every spelling (faults A15), the domain
 * lists, the port. A name passes: its addresses are judged once they are known. `invalid_url` for what is no host.
 */
export function judgeHost(
  host: string,
  port: number,
  policy: TargetPolicy,
): ProxyError | undefined {
  return judgeHostOnly(host, policy) ?? judgeDomain(host, policy) ?? judgePort(port, policy.ports);
}

/** Judges a URL before its name is resolved: as `judgeHost`, and `invalid_url` for any scheme but http(s) (faults A8, A17). */
export function judgeUrl(url: URL, policy: TargetPolicy): ProxyError | undefined {
  const defaultPort = DEFAULT_PORTS[url.protocol];
  if (defaultPort === undefined) {
    return new ProxyError("invalid_url", `${shown(url.protocol)} is neither http: nor https:`);
  }
  const port = url.port === "" ? defaultPort : Number(url.port);
  return judgeHost(url.hostname, port, policy);
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

function judgeHostOnly(host: string, policy: TargetPolicy): ProxyError | undefined {
  const canonical = canonicalHost(host);
  // Told apart from other nonsense, so that the answer says what is wrong.
  if (canonical === undefined && host.includes(":") && host.includes("%")) {
    return judgeAddress(host, policy.allow, policy.local);
  }
  if (canonical === undefined) return new ProxyError("invalid_url", `${shown(host)} is no host`);
  return isLiteral(canonical) ? judgeAddress(canonical, policy.allow, policy.local) : undefined;
}

function covers(domain: string, name: string): boolean {
  return domain.startsWith("*.") ? name.endsWith(domain.slice(1)) : name === domain;
}

/** A user's text for a message: short, and without control characters. */
function shown(text: string): string {
  const short = text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text;
  return /^[\x21-\x7e]+$/.test(short) ? short : JSON.stringify(short);
}
