/** Whether a target is the proxy itself: a request to it would come back here again and again (faults P19). */
import { networkInterfaces } from "node:os";
import { formatAddress, isLoopback, parseAddress } from "@porchlight/runtime/target-policy-address";
import type { Authority } from "./authority.ts";

/** Where the proxy listens, and the address that this client has reached it by. */
export interface OwnAddress {
  readonly host: string;
  readonly port: number;
  /** Of the client's connection on this side; `undefined` when it is gone. */
  readonly reachedBy?: string | undefined;
}

/** All addresses, as `plainHost` writes them. A connection to one ends at this machine. */
const ANY: ReadonlySet<string> = new Set(["0.0.0.0", "0:0:0:0:0:0:0:0"]);

/** Whether the target, in any spelling, is the proxy's own listener; `interfaces` gives this machine's addresses. */
export function isOwnAddress(
  target: Authority,
  own: OwnAddress,
  interfaces: () => readonly string[] = machineAddresses,
): boolean {
  if (target.port !== own.port) return false;
  const host = plainHost(target.host);
  const bound = plainHost(own.host);
  if (host === bound || host === plainHost(own.reachedBy ?? "")) return true;
  const isEverywhere = ANY.has(bound);
  if (ANY.has(host) || isLoopback(target.host)) return isEverywhere || isLoopback(own.host);
  return isEverywhere && interfaces().some((address) => plainHost(address) === host);
}

/** One spelling for every address, also for an IPv4 one inside IPv6; names as they are. */
function plainHost(host: string): string {
  const address = parseAddress(host);
  return address === undefined ? host : formatAddress(address);
}

function machineAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((it) => it.address));
}
