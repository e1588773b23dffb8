import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeHostHeader } from "./host-check.ts";

const cases: readonly [httpVersion: string, rawHeaders: string[], refusal: string | undefined][] = [
  ["1.1", ["Host", "a"], undefined],
  ["1.1", ["X-Host", "a", "hOST", ""], undefined],
  ["1.1", ["Accept", "host"], "The request has no Host"],
  ["1.1", ["Host", "a", "host", "a"], "The request has more than one Host"],
  ["1.0", [], undefined],
  ["1.0", ["Host", "a", "Host", "b"], "The request has more than one Host"],
];

for (const [httpVersion, rawHeaders, refusal] of cases) {
  test(`judgeHostHeader: HTTP/${httpVersion} with ${rawHeaders.join(", ")}`, () => {
    const error = judgeHostHeader({ httpVersion, rawHeaders });
    assert.equal(error?.message, refusal);
    assert.equal(error?.code, refusal && "invalid_request");
  });
}
