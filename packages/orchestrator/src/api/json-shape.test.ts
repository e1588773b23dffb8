import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { judgeJsonShape, MAX_JSON_DEPTH, MAX_JSON_SEPARATORS } from "./json-shape.ts";

function judge(text: string): string | undefined {
  return judgeJsonShape(Buffer.from(text))?.message;
}

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

test("faults A4: nesting up to the bound passes, one more does not", () => {
  const nest = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
  assert.equal(judge(nest(MAX_JSON_DEPTH)), undefined);
  assert.match(judge(nest(MAX_JSON_DEPTH + 1)) ?? "", /nested too deep/);
  assert.match(judge("[".repeat(100_000)) ?? "", /nested too deep/);
});

test("faults A4: as many values as the bound allows", () => {
  assert.equal(judge(`[${",".repeat(MAX_JSON_SEPARATORS)}]`), undefined);
  assert.match(judge(`[${",".repeat(MAX_JSON_SEPARATORS + 1)}]`) ?? "", /too many values/);
});

test("judgeJsonShape: brackets and commas in strings are text, also behind escaped quotes", () => {
  const text = "[{,".repeat(20_000);
  assert.equal(judge(JSON.stringify({ body: `"\\"${text}\\` })), undefined);
  assert.equal(judge(`"${text}`), undefined);
  assert.equal(judge('"\\'), undefined);
  assert.equal(judge(""), undefined);
});

test("judgeJsonShape: agrees with the parsed value's depth", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 40 }), (value) => {
      const isDeep = depthOf(value) > MAX_JSON_DEPTH;
      assert.equal(judge(JSON.stringify(value)) !== undefined, isDeep);
    }),
  );
});
