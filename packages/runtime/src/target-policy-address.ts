/**
 * Addresses and networks in one form: eight 16-bit words, an IPv4 address as its IPv4-mapped IPv6 address
 * (`::ffff:a.b.c.d`), so that one table and one comparison serve both. The URL parser turns every spelling
 * (decimal, octal, hex, short, full-width digits) into the usual one. Source: WHATWG URL §3.5, RFC 4291 §2.5.5.2.
 */
import { ProxyError } from "@porchlight/protocol/errors";

/** Eight words of 16 bits, most significant first. */
export type Address = readonly number[];

/** A network: all addresses whose first `bits` bits are those of `words`. */
export interface Cidr {
  readonly words: Address;
  /** 0..128, counted in the IPv6 form: an IPv4 `/8` is 104. */
  readonly bits: number;
}

/** Networks in no particular order. */
export type CidrList = readonly Cidr[];

const V4_PREFIX_BITS = 96;
/** An IPv4 address as the URL parser writes it. */
const CANONICAL_V4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const DOT = 0x2e;
const DIGIT_0 = 0x30;
const DOTTED_QUAD = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;
/** Nothing the URL parser could take for another part of a URL, and no zone. */
const V6 = /^[0-9a-f:.]+$/i;
const NAME = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;
const MAX_NAME_CHARS = 253;

/** RFC 4291 §2.5.5.2 */
const MAPPED: Cidr = { words: [0, 0, 0, 0, 0, 0xffff, 0, 0], bits: V4_PREFIX_BITS };

/** 127.0.0.0/8 (RFC 1122 §3.2.1.3) and ::1 (RFC 4291 §2.5.3). */
const LOOPBACK: CidrList = [
  { words: [0, 0, 0, 0, 0, 0xffff, 0x7f00, 0], bits: V4_PREFIX_BITS + 8 },
  { words: [0, 0, 0, 0, 0, 0, 0, 1], bits: 128 },
];

/** Beyond these, the URL parser would cut the text or skip a part of it. */
const NOT_IN_A_HOST = /[\s/?#@\\[\]:]/;

/**
 * The one spelling of a host: names in lower case, IDNA encoded and without the final dot; IPv4 as a dotted
 * quad; IPv6 compressed and without brackets. `undefined` for what is no host, and for an IPv6 zone.
 */
export function canonicalHost(host: string): string | undefined {
  const lower = host.toLowerCase();
  const bare = lower.endsWith(".") ? lower.slice(0, -1) : lower;
  if (CANONICAL_V4.test(bare)) return bare;
  const isPlain = NAME.test(bare) && !endsInNumber(bare) && !bare.includes("xn--");
  if (isPlain) return nameOrNothing(bare);
  if (host.includes(":")) return canonicalV6(host);
  if (NOT_IN_A_HOST.test(host)) return undefined;
  const parsed = URL.parse(`http://${host}`)?.hostname.replace(/\.$/, "");
  return parsed !== undefined && NAME.test(parsed) ? nameOrNothing(parsed) : undefined;
}

/** Whether a canonical host is an address and no name. */
export function isLiteral(canonical: string): boolean {
  return canonical.includes(":") || DOTTED_QUAD.test(canonical);
}

/** Whether a host is this machine itself: a loopback address, or a name below `localhost`. Source: RFC 6761 §6.3. */
export function isLoopback(host: string): boolean {
  const canonical = canonicalHost(host);
  if (canonical === undefined) return false;
  if (canonical === "localhost" || canonical.endsWith(".localhost")) return true;
  const address = isLiteral(canonical) ? parseAddress(canonical) : undefined;
  return address !== undefined && isInside(LOOPBACK, address);
}

/** An address in any spelling, or `undefined` for what is none; one with a zone is none. */
export function parseAddress(text: string): Address | undefined {
  if (DOTTED_QUAD.test(text)) return wordsOfV4(text);
  const canonical = canonicalHost(text);
  if (canonical === undefined) return undefined;
  if (canonical.includes(":")) return wordsOfV6(canonical);
  return DOTTED_QUAD.test(canonical) ? wordsOfV4(canonical) : undefined;
}

/** The address as a dotted quad where it is an IPv4 one, else as eight groups. */
export function formatAddress(address: Address): string {
  const [high = 0, low = 0] = address.slice(6);
  return isV4(address)
    ? `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
    : address.map((word) => word.toString(16)).join(":");
}

/** The IPv4 address of two words. */
export function v4Address(high: number, low: number): Address {
  return [0, 0, 0, 0, 0, 0xffff, high, low];
}

/** Whether this is an IPv4 address, IPv4-mapped or not. */
export function isV4(address: Address): boolean {
  return address[5] === 0xffff && contains(MAPPED, address);
}

/** Whether the network holds the address. */
export function contains(network: Cidr, address: Address): boolean {
  const { words, bits } = network;
  const whole = bits >> 4;
  for (let i = 0; i < whole; i++) {
    if (words[i] !== address[i]) return false;
  }
  const rest = bits & 15;
  return rest === 0 || ((words[whole] ?? 0) ^ (address[whole] ?? 0)) >> (16 - rest) === 0;
}

/** Whether one of the networks holds the address. A wide IPv6 network (`::/0`) means IPv6, and no IPv4 address. */
export function isInside(networks: CidrList, address: Address): boolean {
  const leastBits = isV4(address) ? V4_PREFIX_BITS : 0;
  for (const network of networks) {
    if (network.bits >= leastBits && contains(network, address)) return true;
  }
  return false;
}

/**
 * The network an address with a prefix length lies in: `192.168.1.7/24` becomes `192.168.1.0/24`; without a
 * length, the address alone. IPv4 has to be a dotted quad here: `10/8` would otherwise read as `0.0.0.10/8`.
 * @throws {ProxyError} `invalid_request` when it is neither
 */
export function networkOf(text: string): Cidr {
  const [address = "", length, ...rest] = text.split("/");
  const isQuad = DOTTED_QUAD.test(address);
  const words = isQuad || address.includes(":") ? parseAddress(address) : undefined;
  const maxLength = isQuad ? 32 : 128;
  const given = length === undefined ? maxLength : Number(length);
  const isLength = /^\d{1,3}$/.test(length ?? "0") && given <= maxLength;
  if (words === undefined || !isLength || rest.length > 0) {
    throw new ProxyError(
      "invalid_request",
      "Expected a network such as 192.168.1.0/24 or fd00::/8",
    );
  }
  const bits = isQuad ? given + V4_PREFIX_BITS : given;
  return { words: words.map((word, index) => word & maskOf(bits - index * 16)), bits };
}

/** Mask of one word of which the first `bits` count; all of them from 16 on, none below 1. */
function maskOf(bits: number): number {
  return (0xffff << (16 - Math.min(16, Math.max(0, bits)))) & 0xffff;
}

function nameOrNothing(name: string): string | undefined {
  return name.length <= MAX_NAME_CHARS ? name : undefined;
}

/** The URL parser takes a host for an IPv4 address when its last label begins like a number; no top-level domain does. */
function endsInNumber(host: string): boolean {
  const first = host.charCodeAt(host.lastIndexOf(".") + 1);
  return first >= 48 && first <= 57;
}

function canonicalV6(host: string): string | undefined {
  const inner = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  return V6.test(inner) ? URL.parse(`http://[${inner}]`)?.hostname.slice(1, -1) : undefined;
}

/** Words of what DOTTED_QUAD has taken. */
function wordsOfV4(quad: string): Address | undefined {
  let bits = 0;
  let byte = 0;
  for (let index = 0; index < quad.length; index++) {
    const code = quad.charCodeAt(index);
    if (code === DOT) {
      bits = (bits << 8) | byte;
      byte = 0;
    } else byte = byte * 10 + code - DIGIT_0;
    if (byte > 255) return undefined;
  }
  return v4Address(bits >>> 8, ((bits & 0xff) << 8) | byte);
}

/** Words of a canonical IPv6 address: hexadecimal groups only, and at most one `::`. */
function wordsOfV6(canonical: string): Address {
  const [head = "", tail = ""] = canonical.split("::");
  const first = head === "" ? [] : head.split(":");
  const last = tail === "" ? [] : tail.split(":");
  const words = [0, 0, 0, 0, 0, 0, 0, 0];
  for (const [index, group] of first.entries()) words[index] = Number.parseInt(group, 16);
  for (const [index, group] of last.entries()) {
    words[8 - last.length + index] = Number.parseInt(group, 16);
  }
  return words;
}
