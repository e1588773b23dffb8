import assert from "node:assert/strict";
import { test } from "node:test";
import { readCredentials } from "./credentials.ts";

const SHOP = Buffer.from("shop:key").toString("base64");
const cases: readonly [what: string, headers: string[], found: unknown][] = [
  ["Basic", ["Proxy-Authorization", `Basic ${SHOP}`], { username: "shop", password: "key" }],
  ["any case", ["proxy-AUTHORIZATION", `bASIC  ${SHOP} `], { username: "shop", password: "key" }],
  [
    "a key with colons",
    ["Proxy-Authorization", `Basic ${btoa(":a:b")}`],
    { username: "", password: "a:b" },
  ],
  ["none", ["Host", "a"], undefined],
  ["Authorization is not a substitute", ["Authorization", `Basic ${SHOP}`], undefined],
  ["no colon", ["Proxy-Authorization", `Basic ${btoa("shop")}`], undefined],
  ["another scheme", ["Proxy-Authorization", `Digest ${SHOP}`], undefined],
  ["no Base64", ["Proxy-Authorization", "Basic shop:key"], undefined],
  ["nothing", ["Proxy-Authorization", ""], undefined],
];

for (const [what, headers, found] of cases) {
  test(`faults P1: readCredentials: ${what}`, () => {
    assert.deepEqual(readCredentials(headers), found);
  });
}

test("readCredentials: a username beyond ASCII is UTF-8", () => {
  const value = `Basic ${Buffer.from("zoë-city-Orléans:key").toString("base64")}`;
  assert.equal(readCredentials(["Proxy-Authorization", value])?.username, "zoë-city-Orléans");
});
