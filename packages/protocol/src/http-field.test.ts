import assert from "node:assert/strict";
import { test } from "node:test";
import { isFieldName, isFieldValue } from "./http-field.ts";

test("faults A11, G9: isFieldName takes tokens only", () => {
  for (const name of ["host", "X-A", "!#$%&'*+-.^_`|~09"]) assert.ok(isFieldName(name), name);
  for (const name of ["", "a b", "a:", "a\r", "a\n", "a\0", "ä", "(a)", " a"]) {
    assert.ok(!isFieldName(name), JSON.stringify(name));
  }
});

test("faults A11, G9: isFieldValue takes no control character but the tab, and no more than Latin-1", () => {
  for (const value of ["", "a b", "a\tb", "é\u{80}\u{ff}"]) assert.ok(isFieldValue(value), value);
  for (const value of ["a\r", "a\n", "a\r\nb: c", "\0", "\u{7f}", "\u{100}", "💥"]) {
    assert.ok(!isFieldValue(value), JSON.stringify(value));
  }
});
