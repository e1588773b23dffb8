/** Whose connection this is, seen through load balancers. */
import {
  canonicalHost,
  formatAddress,
  isInside,
  isV4,
  parseAddress,
} from "./target-policy-address.ts";
import type { CidrList } from "./target-policy.ts";

/**
 * The caller's address: the socket's, or, as long as the address found so far is one of `trusted` proxies, the
 * next one to the left in `X-Forwarded-For`. What a caller invents stands left of what a trusted proxy added,
 * and is never reached. IPv4-mapped IPv6 comes as IPv4, zones are dropped; empty for a socket that is gone.
 */
export function clientAddress(
  socketAddress: string | undefined,
  forwardedFor: string | undefined,
  trusted: CidrList,
): string {
  let address = normalise(socketAddress ?? "") ?? "";
  const hops = forwardedFor?.split(",") ?? [];
  while (isTrusted(address, trusted)) {
    const next = normalise(hops.pop() ?? "");
    if (next === undefined) break;
    address = next;
  }
  return address;
}

function isTrusted(address: string, trusted: CidrList): boolean {
  if (trusted.length === 0) return false;
  const parsed = parseAddress(address);
  return parsed !== undefined && isInside(trusted, parsed);
}

/** An address as proxies write it, some with brackets or a port; `undefined` for anything else. */
function normalise(text: string): string | undefined {
  const bare = text.trim().replace(/%[^\]]*/, "");
  const [, bracketed, quad] =
    /^(?:\[([^\]]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+)(?::\d+)?)$/.exec(bare) ?? [];
  const address = bracketed ?? quad ?? bare;
  // Names and bare numbers would pass for addresses further down.
  if (quad === undefined && !address.includes(":")) return undefined;
  const parsed = parseAddress(address);
  if (parsed === undefined) return undefined;
  return isV4(parsed) ? formatAddress(parsed) : canonicalHost(address);
}
