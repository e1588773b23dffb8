import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import * as fc from "fast-check";
import { checkKeyFormat, formatKey, KEY_SECRET_BYTES, ROLES, roleOfKey } from "./key-format.ts";

const roles = fc.constantFrom(...ROLES);
const secrets = fc.uint8Array({ minLength: KEY_SECRET_BYTES, maxLength: KEY_SECRET_BYTES });
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

test("formatKey: role in the prefix, 40 characters of secret, 7 of checksum", () => {
  const key = formatKey("client", new Uint8Array(KEY_SECRET_BYTES).fill(0xff));
  assert.match(key, /^porch_client_z{40}[0-9a-z]{7}$/);
});

test("formatKey: the checksum is the CRC-32 of what stands before it", () => {
  const key = formatKey("agent", new Uint8Array(KEY_SECRET_BYTES).fill(7));
  const sum = key
    .slice(-7)
    .split("")
    .reduce((total, char) => total * 32 + ALPHABET.indexOf(char), 0);
  assert.equal(sum, crc32(key.slice(0, -7)));
});

test("formatKey: different bytes give different keys, without look-alike characters", () => {
  fc.assert(
    fc.property(secrets, secrets, (a, b) => {
      const [left, right] = [formatKey("admin", a), formatKey("admin", b)];
      assert.equal(left === right, Buffer.compare(a, b) === 0);
      assert.doesNotMatch(left.slice("porch_admin_".length), /[ilouA-Z]/);
    }),
  );
});

test("formatKey: refuses any other number of random bytes", () => {
  assert.throws(() => formatKey("agent", new Uint8Array(16)), RangeError);
});

test("checkKeyFormat and roleOfKey: what formatKey makes is ok and names its role", () => {
  fc.assert(
    fc.property(roles, secrets, (role, secret) => {
      const key = formatKey(role, secret);
      assert.equal(checkKeyFormat(key), "ok");
      assert.equal(roleOfKey(key), role);
    }),
  );
});

test("checkKeyFormat: any one wrong character is damage", () => {
  fc.assert(
    fc.property(secrets, fc.nat(46), fc.nat(30), (secret, place, shift) => {
      const key = formatKey("client", secret);
      const at = "porch_client_".length + place;
      const wrong = ALPHABET.charAt((ALPHABET.indexOf(key.charAt(at)) + 1 + shift) % 32);
      assert.equal(checkKeyFormat(key.slice(0, at) + wrong + key.slice(at + 1)), "damaged");
    }),
  );
});

test("checkKeyFormat: a cut, a lengthened or a re-labelled key is damaged", () => {
  const key = formatKey("client", new Uint8Array(KEY_SECRET_BYTES).fill(1));
  const relabelled = key.replace("client", "admin");
  for (const paste of [
    key.slice(0, -1),
    `${key} `,
    `${key}0`,
    relabelled,
    "porch_",
    key.toUpperCase(),
  ]) {
    assert.equal(checkKeyFormat(paste), paste.startsWith("porch_") ? "damaged" : "foreign", paste);
  }
});

test("checkKeyFormat: what does not begin like a key of ours is foreign", () => {
  for (const paste of [
    "",
    "sk_live_123",
    "Bearer porch_client_0",
    "correct horse battery staple",
  ]) {
    assert.equal(checkKeyFormat(paste), "foreign");
    assert.equal(roleOfKey(paste), undefined);
  }
});
