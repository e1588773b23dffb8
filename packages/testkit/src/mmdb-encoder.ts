/**
 * Makes databases of addresses for tests, in the MaxMind DB format 2.0: a binary tree whose path is the bits of
 * an address, the records its leaves point to, and metadata. IPv4 networks are those of `::/96`, records of 32
 * bits. Source: MaxMind DB File Format Specification v2.0.
 */
import { networkOf } from "@porchlight/runtime/target-policy-address";

/** What a record may hold. Whole numbers from 0 to 2³² − 1 are stored as such, others as doubles. */
export type MmdbValue =
  | string
  | number
  | boolean
  | readonly MmdbValue[]
  | { readonly [name: string]: MmdbValue };

interface Metadata {
  readonly databaseType: string;
  readonly ipVersion: number;
  readonly nodeCount: number;
}

/** What a tree leads to on one side: another branch, the offset of a record, or nothing. */
type Side = Branch | number | undefined;
type Branch = [Side, Side];

const TYPES = {
  text: 2,
  double: 3,
  uint16: 5,
  uint32: 6,
  map: 7,
  uint64: 9,
  array: 11,
  boolean: 14,
} as const;

const SEPARATOR = Buffer.alloc(16);
const METADATA_MARKER = Buffer.from("abcdef4d61784d696e642e636f6d", "hex");

/**
 * A database of networks (CIDR → record); of two that hold an address, the smaller one counts. One of
 * `ipVersion` 4 has IPv4 networks only.
 */
export function encodeMmdb(
  databaseType: string,
  networks: Readonly<Record<string, MmdbValue>>,
  ipVersion: 4 | 6 = 6,
): Buffer {
  const root: Branch = [undefined, undefined];
  const records: Buffer[] = [];
  let offset = 0;
  for (const { path, record } of widestFirst(networks)) {
    insert(root, ipVersion === 4 ? path.slice(96) : path, offset);
    records.push(record);
    offset += record.length;
  }
  const branches = branchesOf(root);
  const metadata = encodeMetadata({ databaseType, ipVersion, nodeCount: branches.size });
  return Buffer.concat([encodeTree(branches), SEPARATOR, ...records, METADATA_MARKER, metadata]);
}

function widestFirst(networks: Readonly<Record<string, MmdbValue>>) {
  return Object.entries(networks)
    .map(([cidr, value]) => ({ path: pathOf(cidr), record: encodeValue(value) }))
    .toSorted((a, b) => a.path.length - b.path.length);
}

/** The bits of a network, of an IPv4 one behind 96 zeros. */
function pathOf(cidr: string): readonly (0 | 1)[] {
  const { words, bits } = networkOf(cidr);
  const isMapped = words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff;
  const placed = isMapped ? words.with(5, 0) : words;
  return Array.from({ length: bits }, (_, bit) => {
    const word = placed[bit >> 4] ?? 0;
    return ((word >> (15 - (bit & 15))) & 1) === 1 ? 1 : 0;
  });
}

/** Networks come in from the widest to the smallest: a record on the way goes to both halves of what it held. */
function insert(root: Branch, path: readonly (0 | 1)[], offset: number): void {
  let branch = root;
  for (const bit of path.slice(0, -1)) {
    const side = branch[bit];
    const next: Branch = typeof side === "object" ? side : [side, side];
    branch[bit] = next;
    branch = next;
  }
  branch[path.at(-1) ?? 0] = offset;
}

/** All branches by their number: the root first. */
function branchesOf(root: Branch): Map<Branch, number> {
  const numbers = new Map<Branch, number>([[root, 0]]);
  // A map goes on with what is added while it is walked.
  for (const branch of numbers.keys()) {
    for (const side of branch) if (typeof side === "object") numbers.set(side, numbers.size);
  }
  return numbers;
}

function encodeTree(branches: ReadonlyMap<Branch, number>): Buffer {
  const tree = Buffer.alloc(branches.size * 8);
  let position = 0;
  for (const side of [...branches.keys()].flat()) {
    position = tree.writeUInt32BE(numberOf(side, branches), position);
  }
  return tree;
}

/** A branch by its number, nothing by the count of branches, a record by its place behind both. */
function numberOf(side: Side, branches: ReadonlyMap<Branch, number>): number {
  if (side === undefined) return branches.size;
  if (typeof side === "number") return branches.size + SEPARATOR.length + side;
  return branches.get(side) ?? 0;
}

function encodeMetadata({ databaseType, ipVersion, nodeCount }: Metadata): Buffer {
  return encodeMap({
    binary_format_major_version: encodeUint("uint16", 2),
    binary_format_minor_version: encodeUint("uint16", 0),
    build_epoch: encodeUint("uint64", 1_767_225_600),
    database_type: encodeValue(databaseType),
    description: encodeValue({ en: "Made for tests" }),
    ip_version: encodeUint("uint16", ipVersion),
    languages: encodeValue(["en"]),
    node_count: encodeUint("uint32", nodeCount),
    record_size: encodeUint("uint16", 32),
  });
}

function encodeValue(value: MmdbValue): Buffer {
  if (typeof value === "string") return encodeText(value);
  if (typeof value === "boolean") return control("boolean", value ? 1 : 0);
  if (typeof value === "number") return encodeNumber(value);
  if (Array.isArray(value)) {
    const items = (value as readonly MmdbValue[]).map(encodeValue);
    return Buffer.concat([control("array", items.length), ...items]);
  }
  const entries = Object.entries(value).map(([name, item]) => [name, encodeValue(item)]);
  return encodeMap(Object.fromEntries(entries) as Record<string, Buffer>);
}

function encodeMap(entries: Readonly<Record<string, Buffer>>): Buffer {
  const pairs = Object.entries(entries).flatMap(([name, item]) => [encodeText(name), item]);
  return Buffer.concat([control("map", pairs.length / 2), ...pairs]);
}

function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([control("text", bytes.length), bytes]);
}

function encodeNumber(value: number): Buffer {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return encodeUint("uint32", value);
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return Buffer.concat([control("double", 8), bytes]);
}

/** Big-endian, without leading zeros; at most 48 bits. */
function encodeUint(type: "uint16" | "uint32" | "uint64", value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(value, 0, 6);
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first === -1 ? bytes.subarray(6) : bytes.subarray(first);
  return Buffer.concat([control(type, digits.length), digits]);
}

/** The byte or bytes in front of a value: its type, and its length, count or truth. */
function control(type: keyof typeof TYPES, size: number): Buffer {
  const number = TYPES[type];
  const [short, rest] = sizeOf(size);
  return Buffer.from(number > 7 ? [short, number - 7, ...rest] : [(number << 5) | short, ...rest]);
}

function sizeOf(size: number): [short: number, rest: readonly number[]] {
  if (size < 29) return [size, []];
  if (size < 285) return [29, [size - 29]];
  return [30, [(size - 285) >> 8, (size - 285) & 255]];
}
