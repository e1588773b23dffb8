import assert from "node:assert/strict";
import { test } from "node:test";
import { Cancellation } from "./cancellation.ts";

test("Cancellation: the step under way hears the first reason, once", () => {
  const cancellation = new Cancellation();
  const heard: string[] = [];
  cancellation.listen(({ message }) => heard.push(`first step: ${message}`));
  cancellation.listen(({ message }) => heard.push(`second step: ${message}`));
  cancellation.check();
  for (const reason of ["enough", "more"]) cancellation.cancel(new Error(reason));
  assert.deepEqual(heard, ["second step: enough"]);
  assert.throws(() => cancellation.check(), /enough/);
});

test("Cancellation: between two steps nobody hears, and the next is not begun", () => {
  const cancellation = new Cancellation();
  cancellation.listen(() => assert.fail("this step is over"));
  cancellation.listen(undefined);
  cancellation.cancel(new Error("enough"));
  assert.throws(() => cancellation.check(), /enough/);
});
