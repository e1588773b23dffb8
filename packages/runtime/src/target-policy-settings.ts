/** The target policy's lists as a person writes them in settings. */
import { canonicalHost, contains, networkOf, type CidrList } from "./target-policy-address.ts";
import type { DomainList, PortSet } from "./target-policy.ts";
import { expected, parseList } from "./settings-parsers.ts";

const MAX_PORT = 65_535;

/**
 * Networks, `10.0.0.0/8,fd00::/8`; an address alone is a network of one. Bits behind the prefix have to be 0:
 * who writes `192.168.1.7/24` may mean either.
 * @throws {ProxyError} `invalid_request` when one is no network
 */
export function parseCidrs(text: string): CidrList {
  return parseList(text).map((item) => {
    const network = networkOf(item);
    const address = networkOf(item.split("/")[0] ?? "");
    if (!contains(address, network.words))
      throw expected("networks that start at their first address, such as 192.168.1.0/24");
    return network;
  });
}

/**
 * Ports, `80,443,8000-8100`, or `*` for all.
 * @throws {ProxyError} `invalid_request` when one is no port from 1 to 65535 or a range runs backwards
 */
export function parsePorts(text: string): PortSet {
  if (text.trim() === "*") return [{ first: 1, last: MAX_PORT }];
  const ranges = parseList(text).map((item) => {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(item);
    const first = Number(match?.[1] ?? 0);
    const last = Number(match?.[2] ?? first);
    if (first < 1 || last < first || last > MAX_PORT) throw expected(PORTS_FORM);
    return { first, last };
  });
  if (ranges.length === 0) throw expected(PORTS_FORM);
  return ranges;
}

const PORTS_FORM = "ports from 1 to 65535 such as 80,443,8000-8100, or *";

/** The ports in the form `parsePorts` reads. */
export function formatPorts(ports: PortSet): string {
  return ports
    .map(({ first, last }) => {
      if (first === 1 && last === MAX_PORT) return "*";
      return first === last ? `${first}` : `${first}-${last}`;
    })
    .join(",");
}

/**
 * Domains, `example.com,*.example.org`: exactly that host, or every host below it (not the domain itself).
 * @throws {ProxyError} `invalid_request` when one is no host name
 */
export function parseDomains(text: string): DomainList {
  return parseList(text).map((item) => {
    const isWild = item.startsWith("*.");
    const host = canonicalHost(isWild ? item.slice(2) : item);
    if (host === undefined) throw expected("domains such as example.com,*.example.org");
    return isWild ? `*.${host}` : host;
  });
}
