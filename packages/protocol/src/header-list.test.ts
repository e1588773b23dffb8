import assert from "node:assert/strict";
import { test } from "node:test";
import { connectionOptions, headerValue, isHopByHop, isOurs, mapHeaders } from "./header-list.ts";

test("faults P9: isHopByHop, isOurs: by lower-case name", () => {
  const names = ["connection", "keep-alive", "te", "transfer-encoding", "upgrade", "proxy-status"];
  for (const name of names) assert.equal(isHopByHop(name), true, name);
  for (const name of ["trailer", "content-length", "host", "proxy"]) {
    assert.equal(isHopByHop(name), false, name);
  }
  assert.equal(isOurs("porchlight-exit"), true);
  assert.equal(isOurs("x-porchlight-exit"), false);
});

test("mapHeaders: order, case and repetition stay; values change; lines go", () => {
  const headers = ["X-A", "1", "b", "2", "x-a", "3", "C", ""];
  const mapped = mapHeaders(headers, (name, value) => {
    if (name === "b") return undefined;
    return name === "x-a" ? `<${value}>` : value;
  });
  assert.deepEqual(mapped, ["X-A", "<1>", "x-a", "<3>", "C", ""]);
  assert.deepEqual(
    mapHeaders(["lonely"], () => "x"),
    [],
  );
});

test("headerValue: the first one", () => {
  assert.equal(headerValue(["A", "1", "a", "2"], "a"), "1");
  assert.equal(headerValue(["A", "1"], "b"), undefined);
});

test("connectionOptions: of all Connection headers, in lower case", () => {
  const headers = ["Connection", "close, X-One", "X", "y", "connection", ",x-TWO ,"];
  assert.deepEqual([...connectionOptions(headers)], ["close", "x-one", "", "x-two"]);
});
