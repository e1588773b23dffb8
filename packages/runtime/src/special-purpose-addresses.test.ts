import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { judgeHost, type TargetPolicy } from "./target-policy.ts";

const OPEN: TargetPolicy = { ports: [{ first: 1, last: 65_535 }], allow: [] };

/** The registry once more, as numbers, so that a slip in the table shows: first address and prefix length. */
const FORBIDDEN_V4 = [
  [0x00000000, 8],
  [0x0a000000, 8],
  [0x64400000, 10],
  [0x7f000000, 8],
  [0xa9fe0000, 16],
  [0xac100000, 12],
  [0xc0000000, 24],
  [0xc0000200, 24],
  [0xc0586300, 24],
  [0xc0a80000, 16],
  [0xc6120000, 15],
  [0xc6336400, 24],
  [0xcb007100, 24],
  [0xe0000000, 4],
  [0xf0000000, 4],
] as const;
const AZURE_METADATA = 0xa83f8110;

const isForbiddenV4 = (value: number): boolean =>
  value === AZURE_METADATA ||
  FORBIDDEN_V4.some(([first, bits]) => value >>> (32 - bits) === first >>> (32 - bits));

const forbiddenV4 = fc
  .constantFrom(...FORBIDDEN_V4)
  .chain(([first, bits]) => fc.nat({ max: 2 ** (32 - bits) - 1 }).map((rest) => first + rest));
const anyV4 = fc.nat({ max: 0xffff_ffff });
const publicV4 = anyV4.filter((value) => !isForbiddenV4(value));

const octets = (value: number): readonly number[] =>
  [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);
const quad = (value: number): string => octets(value).join(".");
const groups = (value: number): string =>
  `${(value >>> 16).toString(16)}:${(value & 0xffff).toString(16)}`;
const wide = (text: string): string =>
  text.replace(/[0-9]/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0));

/** Every way to write an IPv4 address that some resolver understands. */
const SPELLINGS: readonly ((value: number) => string)[] = [
  quad,
  (value) => `${quad(value)}.`,
  (value) => `${value}`,
  (value) => `0x${value.toString(16)}`,
  (value) => `0${value.toString(8)}`,
  (value) =>
    octets(value)
      .map((octet) => `0x${octet.toString(16).toUpperCase()}`)
      .join("."),
  (value) =>
    octets(value)
      .map((octet) => `000${octet.toString(8)}`)
      .join("."),
  (value) => `${value >>> 24}.${value & 0xff_ffff}`,
  (value) => `${value >>> 24}.${(value >>> 16) & 255}.${value & 0xffff}`,
  (value) => wide(quad(value)),
  (value) => quad(value).replaceAll(".", "。"),
  (value) => `::ffff:${quad(value)}`,
  (value) => `[::FFFF:${groups(value)}]`,
  (value) => `0:0:0:0:0:ffff:${groups(value)}`,
];

/** IPv6 addresses whose packets reach, or pass, an IPv4 address. */
const CARRIERS: readonly ((value: number) => string)[] = [
  (value) => `64:ff9b::${quad(value)}`,
  (value) => `2002:${groups(value)}::1`,
  (value) => `2001:0:${groups(value)}::f7f7:f7f7`,
  (value) => `2001:0:808:808:0:0:${groups(~value >>> 0)}`,
  (value) => `2a00:1450::5efe:${quad(value)}`,
  (value) => `2a00:1450::200:5efe:${groups(value)}`,
];

const OTHER_FORMS: readonly ((value: number) => string)[] = [
  (value) => `::${quad(value)}`,
  (value) => `64:ff9b:1::${quad(value)}`,
  (value) => `::ffff:0:${quad(value)}`,
];

test("faults A15: a forbidden IPv4 address is refused in every spelling and carrier", () => {
  const form = fc.constantFrom(...SPELLINGS, ...CARRIERS, ...OTHER_FORMS);
  fc.assert(
    fc.property(forbiddenV4, form, (value, write) => {
      const host = write(value);
      assert.equal(judgeHost(host, 80, OPEN)?.code, "target_forbidden", host);
    }),
    { numRuns: 2000 },
  );
});

test("A public IPv4 address passes in every spelling and carrier", () => {
  fc.assert(
    fc.property(publicV4, fc.constantFrom(...SPELLINGS, ...CARRIERS), (value, write) => {
      const host = write(value);
      assert.equal(judgeHost(host, 80, OPEN)?.message, undefined, host);
    }),
    { numRuns: 2000 },
  );
});

const word = fc.nat({ max: 0xffff });
const v6 = fc.tuple(word, word, word, word, word, word, word, word);
const text = (words: readonly number[]): string =>
  words.map((value) => value.toString(16)).join(":");

const FORBIDDEN_V6_STARTS: readonly (readonly number[])[] = [
  [0x64, 0xff9b, 1],
  [0x100, 0, 0, 0],
  [0x100, 0, 0, 1],
  [0x2001, 2, 0],
  [0x2001, 0x10],
  [0x2001, 0xdb8],
  [0x3fff, 0xfff],
  [0x5f00],
  [0xfc00],
  [0xfdab],
  [0xfe80],
  [0xfebf],
  [0xfec0],
  [0xff02],
  [0x4000],
  [0x1fff],
];

test("faults A15: an IPv6 address that starts like a forbidden one is refused whatever follows", () => {
  fc.assert(
    fc.property(fc.constantFrom(...FORBIDDEN_V6_STARTS), v6, (start, rest) => {
      const host = text([...start, ...rest.slice(start.length)]);
      assert.equal(judgeHost(host, 80, OPEN)?.code, "target_forbidden", host);
    }),
    { numRuns: 2000 },
  );
});

test("A public IPv6 address passes", () => {
  const first = fc.integer({ min: 0x2400, max: 0x3ffe });
  fc.assert(
    fc.property(first, v6, (head, words) => {
      const isIsatap = (words[4] & 0xfdff) === 0 && words[5] === 0x5efe;
      fc.pre(!isIsatap);
      const host = text([head, ...words.slice(1)]);
      assert.equal(judgeHost(host, 80, OPEN)?.message, undefined, host);
    }),
    { numRuns: 2000 },
  );
});

test("No text makes judgeHost throw", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (host) => {
      judgeHost(host, 80, OPEN);
      judgeHost(`[${host}]`, 80, OPEN);
      judgeHost(`::${host}`, 80, OPEN);
    }),
    { numRuns: 2000 },
  );
});
