import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SocksHandshake } from "./socks-handshake.ts";

const GREETING = [5, 2, 0, 2];
const LOGIN = [1, 4, ...Buffer.from("shop"), 3, ...Buffer.from("key")];
const NAME = [5, 1, 0, 3, 11, ...Buffer.from("example.com"), 1, 187];
const IPV4 = [5, 1, 0, 1, 192, 0, 2, 1, 0, 80];
const IPV6 = [5, 1, 0, 4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80];

/** Feeds chunks in turn, knows one login, and writes down what happens. */
function run(chunks: Iterable<readonly number[]>) {
  const handshake = new SocksHandshake();
  const heard: string[] = [];
  const sent: number[] = [];
  let isOver = false;
  for (const chunk of chunks) {
    if (isOver) break;
    handshake.push(Uint8Array.from(chunk));
    for (let step = handshake.next(); step.kind !== "wait" && !isOver; step = handshake.next()) {
      if (step.kind === "login") {
        const isKnown = step.password === "key";
        heard.push(`${step.username}:${step.password}`);
        sent.push(...handshake.logIn(isKnown));
        isOver = !isKnown;
      } else if (step.kind === "request") {
        heard.push(`${step.host} ${step.port} "${Buffer.from(step.rest).toString()}"`);
        isOver = true;
      } else {
        sent.push(...step.bytes);
        isOver = step.kind === "refuse";
        heard.push(...(isOver ? ["refused"] : []));
      }
    }
  }
  return { heard, sent, isOver };
}

/** What comes behind the request is there only when it came in the same chunk. */
function withoutRest({ heard, sent, isOver }: ReturnType<typeof run>) {
  return { heard: heard.map((line) => line.replace(/ ".*"$/s, "")), sent, isOver };
}

const requests: readonly [what: string, bytes: number[], heard: string][] = [
  ["a name", NAME, 'example.com 443 ""'],
  ["an IPv4 address", IPV4, '192.0.2.1 80 ""'],
  ["an IPv6 address", IPV6, '2001:db8:0:0:0:0:0:1 80 ""'],
];

for (const [what, request, heard] of requests) {
  test(`SocksHandshake: login, then ${what}`, () => {
    const outcome = run([GREETING, LOGIN, request]);
    assert.deepEqual(outcome.heard, ["shop:key", heard]);
    assert.deepEqual(outcome.sent, [5, 2, 1, 0]);
  });

  test(`faults P17: a handshake with ${what} cut into single bytes works, and cut anywhere`, () => {
    const whole = [...GREETING, ...LOGIN, ...request];
    const expected = run([whole]);
    assert.deepEqual(expected.heard, ["shop:key", heard]);
    assert.deepEqual(run(whole.map((byte) => [byte])), expected);
    for (let cut = 1; cut < whole.length; cut++) {
      assert.deepEqual(run([whole.slice(0, cut), whole.slice(cut)]), expected);
    }
  });
}

test("faults P14: what comes behind the request is the tunnel's", () => {
  const { heard } = run([[...GREETING, ...LOGIN, ...NAME, ...Buffer.from("early")]]);
  assert.equal(heard[1], 'example.com 443 "early"');
});

const refusals: readonly [what: string, chunks: number[][], sent: number[]][] = [
  ["no acceptable method is FF", [[5, 1, 0]], [5, 0xff]],
  ["no method at all is FF", [[5, 0]], [5, 0xff]],
  ["another version closes", [[4, 1, 0]], []],
  ["another version of the login closes", [GREETING, [5, 1]], [5, 2]],
  ["a bad password is 01 01", [GREETING, [1, 1, 97, 1, 98]], [5, 2, 1, 1]],
  ["another version of the request closes", [GREETING, LOGIN, [4, 1]], [5, 2, 1, 0]],
  ["BIND is 07", [GREETING, LOGIN, [5, 2, 0, 1]], [5, 2, 1, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0]],
  ["UDP is 07", [GREETING, LOGIN, [5, 3, 0, 9]], [5, 2, 1, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0]],
  [
    "a bad address type is 08",
    [GREETING, LOGIN, [5, 1, 0, 2]],
    [5, 2, 1, 0, 5, 8, 0, 1, 0, 0, 0, 0, 0, 0],
  ],
];

for (const [what, chunks, sent] of refusals) {
  test(`faults P17: ${what}`, () => {
    const outcome = run(chunks);
    assert.deepEqual(outcome.sent, sent);
    assert.equal(outcome.isOver, true);
    assert.doesNotMatch(outcome.heard.join(), /"/);
  });
}

test("SocksHandshake: the longest username and password", () => {
  const long = Buffer.alloc(255, "a");
  const { heard } = run([GREETING, [1, 255, ...long, 255, ...long]]);
  assert.deepEqual(heard, [`${long.toString()}:${long.toString()}`]);
});

test("SocksHandshake: however bytes are cut, the same happens, and 600 of them are enough to end it", () => {
  const byte = fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 5), fc.nat(255));
  const chunks = fc.array(fc.array(byte, { minLength: 1, maxLength: 40 }), { maxLength: 20 });
  const property = fc.property(chunks, (list) => {
    const all = [...GREETING, ...LOGIN, ...list.flat()];
    assert.deepEqual(withoutRest(run([GREETING, LOGIN, ...list])), withoutRest(run([all])));
    assert.equal(run([[...all, ...Array<number>(600).fill(0)]]).isOver, true);
  });
  fc.assert(property);
});
