/**
 * Which addresses are not public. Order of judgement: the operator's exceptions; networks this machine is on;
 * IPv4 addresses carried inside IPv6 ones, each judged by itself; the table of special-purpose ranges; and
 * for IPv6, whatever lies outside 2000::/3, the only range from which public addresses are given out.
 * Source: IANA IPv4 and IPv6 Special-Purpose Address Registries (entries that are not globally reachable),
 * RFC 6890; IANA IPv6 address space registry.
 */
import {
  contains,
  formatAddress,
  isInside,
  isV4,
  networkOf,
  v4Address,
  type Address,
  type Cidr,
  type CidrList,
} from "./target-policy-address.ts";

type Range = readonly [network: Cidr, reason: string];

const range = (network: string, reason: string): Range => [networkOf(network), reason];

/** First match wins: single addresses come before the ranges that hold them. */
const V4_RANGES: readonly Range[] = [
  range("169.254.169.254/32", "a cloud metadata address"),
  range("169.254.170.2/32", "a cloud metadata address"), // containers on AWS
  range("100.100.100.200/32", "a cloud metadata address"), // Alibaba Cloud
  range("192.0.0.192/32", "a cloud metadata address"), // Oracle Cloud
  range("168.63.129.16/32", "a cloud metadata address"), // Azure; looks public, and is local to each machine
  range("0.0.0.0/8", "an address of this machine"), // RFC 791 §3.2: 0.0.0.0 reaches the machine itself
  range("10.0.0.0/8", "a private address"), // RFC 1918
  range("100.64.0.0/10", "a carrier's shared address"), // RFC 6598
  range("127.0.0.0/8", "a loopback address"), // RFC 1122 §3.2.1.3
  range("169.254.0.0/16", "a link-local address"), // RFC 3927
  range("172.16.0.0/12", "a private address"), // RFC 1918
  range("192.0.0.0/24", "reserved for protocols"), // RFC 6890 §2.1
  range("192.0.2.0/24", "a documentation address"), // RFC 5737
  range("192.88.99.0/24", "a 6to4 relay address"), // RFC 7526
  range("192.168.0.0/16", "a private address"), // RFC 1918
  range("198.18.0.0/15", "a benchmarking address"), // RFC 2544
  range("198.51.100.0/24", "a documentation address"), // RFC 5737
  range("203.0.113.0/24", "a documentation address"), // RFC 5737
  range("224.0.0.0/4", "a multicast address"), // RFC 1112 §4
  range("255.255.255.255/32", "the broadcast address"), // RFC 8190
  range("240.0.0.0/4", "a reserved address"), // RFC 1112 §4
];

const V6_RANGES: readonly Range[] = [
  range("fd00:ec2::254/128", "a cloud metadata address"), // AWS
  range("fd20:ce::254/128", "a cloud metadata address"), // Google Cloud
  range("::/128", "an address of this machine"), // RFC 4291 §2.5.2
  range("::1/128", "a loopback address"), // RFC 4291 §2.5.3
  range("::/96", "a deprecated IPv4-compatible address"), // RFC 4291 §2.5.5.1
  range("64:ff9b:1::/48", "a local NAT64 address"), // RFC 8215
  range("100::/64", "a discard-only address"), // RFC 6666
  range("100:0:0:1::/64", "a dummy address"), // RFC 9780
  range("2001:2::/48", "a benchmarking address"), // RFC 5180
  range("2001:db8::/32", "a documentation address"), // RFC 3849
  range("2001::/23", "reserved for protocols"), // RFC 2928; Teredo, in it, never gets here
  range("3fff::/20", "a documentation address"), // RFC 9637
  range("5f00::/16", "a segment routing address"), // RFC 9602
  range("fc00::/7", "a private address"), // RFC 4193
  range("fe80::/10", "a link-local address"), // RFC 4291 §2.5.6
  range("fec0::/10", "a site-local address"), // RFC 3879
  range("ff00::/8", "a multicast address"), // RFC 4291 §2.7
];

/** Where IPv6 addresses of a network carry IPv4 ones: those their packets end up at, or pass. */
type Carrier = readonly [network: Cidr, carried: (address: Address) => readonly Address[]];

const NAT64 = networkOf("64:ff9b::/96"); // RFC 6052 §2.1
const TEREDO = networkOf("2001::/32"); // RFC 4380 §4

const CARRIERS: readonly Carrier[] = [
  [NAT64, (address) => [v4At(address, 6)]],
  [networkOf("64:ff9b:1::/48"), (address) => [v4At(address, 6)]], // RFC 8215
  [networkOf("::/96"), (address) => (address[6] === 0 ? [] : [v4At(address, 6)])], // not `::` and `::1`
  [networkOf("2002::/16"), (address) => [v4At(address, 1)]], // 6to4: RFC 3056 §2
  [TEREDO, (address) => [v4At(address, 2), v4At(flipped(address), 6)]], // server, client
];

const PUBLIC_V6 = networkOf("2000::/3"); // RFC 4291 §2.4

/** Why an address may not be dialled, or `undefined` for one that may: a public one, or one in `allow`. */
export function reasonAgainst(
  address: Address,
  allow: CidrList,
  local: CidrList,
): string | undefined {
  if (isInside(allow, address)) return undefined;
  if (isInside(local, address)) return "on a network of this machine";
  if (isV4(address)) return reasonIn(V4_RANGES, address);
  for (const carried of carriedV4(address)) {
    const reason = reasonAgainst(carried, allow, local);
    if (reason !== undefined) return `a form of ${formatAddress(carried)}, ${reason}`;
  }
  // These reach a public IPv4 address, or two: they were just judged.
  if (contains(NAT64, address) || contains(TEREDO, address)) return undefined;
  const reason = reasonIn(V6_RANGES, address);
  return reason ?? (contains(PUBLIC_V6, address) ? undefined : "outside the public range of IPv6");
}

function carriedV4(address: Address): readonly Address[] {
  for (const [network, carried] of CARRIERS) {
    if (contains(network, address)) return carried(address);
  }
  return isIsatap(address) ? [v4At(address, 6)] : [];
}

/** Any network may hold ISATAP addresses; one bit says whether the IPv4 address is unique. Source: RFC 5214 §6.1. */
function isIsatap(address: Address): boolean {
  return ((address[4] ?? 0) & 0xfdff) === 0 && address[5] === 0x5efe;
}

function v4At(address: Address, index: number): Address {
  return v4Address(address[index] ?? 0, address[index + 1] ?? 0);
}

function flipped(address: Address): Address {
  return address.map((word) => word ^ 0xffff);
}

function reasonIn(ranges: readonly Range[], address: Address): string | undefined {
  for (const [network, reason] of ranges) {
    if (contains(network, address)) return reason;
  }
  return undefined;
}
