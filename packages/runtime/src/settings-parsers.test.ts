import assert from "node:assert/strict";
import { test } from "node:test";
import { ProxyError } from "@porchlight/protocol/errors";
import {
  enumSetting,
  integerSetting,
  numberSetting,
  parseBoolean,
  parseHours,
  parseLabels,
  parseList,
  parseListenAddress,
  parseNonNegative,
  parseOptionalListenAddress,
  textSetting,
} from "./settings-parsers.ts";

/** Each text is refused with what was expected, and without the text. */
function refuses(parse: (text: string) => unknown, texts: readonly string[]): void {
  for (const text of texts) {
    assert.throws(
      () => parse(text),
      (error) => {
        assert.ok(error instanceof ProxyError, text);
        assert.equal(error.code, "invalid_request");
        assert.match(error.message, /^Expected [^]+[^.]$/);
        return true;
      },
      text,
    );
  }
}

test("integerSetting takes whole numbers within its bounds, both included", () => {
  const parse = integerSetting(1, 600_000);
  assert.deepEqual(["1", "007", "600000"].map(parse), [1, 7, 600_000]);
  refuses(parse, [
    "0",
    "-1",
    "600001",
    "1e3",
    "1.5",
    " 1",
    "0x10",
    "",
    "NaN",
    "1e309",
    "9".repeat(40),
  ]);
  assert.equal(integerSetting(-5, 5)("-5"), -5);
});

test("parseNonNegative takes decimals from 0", () => {
  assert.deepEqual(["0", "2.5", "1000"].map(parseNonNegative), [0, 2.5, 1000]);
  refuses(parseNonNegative, ["-1", "1e3", ".5", "5.", "Infinity", "", "1,5"]);
});

test("numberSetting takes decimals within its bounds, both included", () => {
  const parse = numberSetting(0.5, 20);
  assert.deepEqual(["0.5", "2", "20.0"].map(parse), [0.5, 2, 20]);
  refuses(parse, ["0.49", "20.01", "-1", "1e1", ""]);
});

test("parseBoolean takes true, false, 1 and 0", () => {
  assert.deepEqual(["true", "1", "false", "0"].map(parseBoolean), [true, true, false, false]);
  refuses(parseBoolean, ["yes", "TRUE", "", "on", "2"]);
});

test("enumSetting takes its words as they are", () => {
  const parse = enumSetting(["random", "fastest"]);
  assert.equal(parse("fastest"), "fastest");
  refuses(parse, ["Fastest", "", "toString", "random,fastest"]);
});

test("textSetting takes a text up to its length", () => {
  assert.equal(textSetting(3)("abc"), "abc");
  refuses(textSetting(3), ["abcd"]);
});

test("parseList trims items and leaves out empty ones", () => {
  assert.deepEqual(parseList(" a, b,,c ,"), ["a", "b", "c"]);
  assert.deepEqual(parseList(" , "), []);
});

test("parseListenAddress takes names, IPv4 and IPv6 in brackets", () => {
  assert.deepEqual(parseListenAddress("127.0.0.1:8080"), { host: "127.0.0.1", port: 8080 });
  assert.deepEqual(parseListenAddress("[::1]:0"), { host: "::1", port: 0 });
  assert.deepEqual(parseListenAddress("node-1.example:65535"), {
    host: "node-1.example",
    port: 65_535,
  });
  refuses(parseListenAddress, [
    "8080",
    ":8080",
    "::1:8080",
    "a:65536",
    "a:",
    "a:-1",
    "[a]:1",
    "a b:1",
    "http://a:1",
    "256.0.0.1:1",
    "[127.0.0.1]:1",
  ]);
});

test("parseListenAddress writes an address as it is, so that a loopback one is known as such", () => {
  assert.equal(parseListenAddress("0:80").host, "0.0.0.0");
  assert.equal(parseListenAddress("[0:0::1]:80").host, "::1");
});

test("parseOptionalListenAddress also takes off", () => {
  assert.equal(parseOptionalListenAddress("off"), "off");
  assert.deepEqual(parseOptionalListenAddress("a:1"), { host: "a", port: 1 });
  refuses(parseOptionalListenAddress, ["OFF", "false"]);
});

test("parseLabels takes key=value pairs; a value may hold =", () => {
  assert.deepEqual(parseLabels("room=attic, line=a=b"), { room: "attic", line: "a=b" });
  assert.deepEqual(Object.keys(parseLabels("__proto__=x")), ["__proto__"]);
});

test("parseLabels refuses missing halves, repeats, and too long or too many (faults A30)", () => {
  const many = Array.from({ length: 33 }, (_, index) => `k${index}=v`).join(",");
  refuses(parseLabels, [
    "room",
    "room=",
    "=attic",
    "a=1,a=2",
    `${"k".repeat(65)}=v`,
    `k=${"v".repeat(65)}`,
    many,
  ]);
});

test("parseHours takes a window of the day, over midnight too", () => {
  assert.deepEqual(parseHours("22:00-07:30"), { fromMinute: 1320, toMinute: 450 });
  assert.deepEqual(parseHours("00:00-23:59"), { fromMinute: 0, toMinute: 1439 });
  refuses(parseHours, [
    "",
    "22-07",
    "24:00-07:00",
    "22:60-07:00",
    "22:00-22:00",
    "7:00-8:00",
    "22:00–07:00",
  ]);
});
