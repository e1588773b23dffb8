import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { bundledNodeFile, isNewEnough } from "./launch.js";

test("isNewEnough starts at 24.12", () => {
  for (const version of ["v24.12.0", "v24.13.1", "v25.0.0", "v26.10.0", "v100.0.0"]) {
    assert.ok(isNewEnough(version), version);
  }
  for (const version of ["v24.11.9", "v24.2.0", "v20.20.2", "v9.99.0"]) {
    assert.ok(!isNewEnough(version), version);
  }
});

test("bundledNodeFile finds the Node installed for this machine, and none for one without", () => {
  assert.equal(bundledNodeFile({ platform: "sunos", arch: "x64" }), undefined);
  const file = bundledNodeFile(process);
  if (file !== undefined) assert.ok(existsSync(file), file);
});
