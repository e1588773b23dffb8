import assert from "node:assert/strict";
import { test } from "node:test";
import { bundledNodeFile, isNewEnough } from "../packages/runtime/src/launch.js";

test("the tests run on the Node that comes along, or on one that is new enough where none does", () => {
  assert.ok(isNewEnough(process.version), `${process.version} runs the tests`);
  if (bundledNodeFile(process) === undefined) return;
  assert.equal(process.version.split(".")[0], "v26");
});
