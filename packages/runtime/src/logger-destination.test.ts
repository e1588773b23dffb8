import assert from "node:assert/strict";
import { once } from "node:events";
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createLogDestination } from "./logger-destination.ts";

function openFile() {
  const folder = mkdtempSync(join(tmpdir(), "porchlight-log-"));
  const fd = openSync(join(folder, "log"), "w");
  const stream = createLogDestination(fd);
  return {
    stream,
    size: () => fstatSync(fd).size,
    async written() {
      stream.flush();
      await once(stream, "drain");
      return readFileSync(join(folder, "log"), "utf8");
    },
    [Symbol.dispose]() {
      // Not through the stream: it would write to a descriptor that is gone.
      stream.removeAllListeners();
      closeSync(fd);
      rmSync(folder, { recursive: true });
    },
  };
}

test("createLogDestination collects lines, then writes them together", async () => {
  using file = openFile();
  file.stream.write("one\n");
  file.stream.write("two\n");
  assert.equal(file.size(), 0, "not line by line");
  assert.equal(await file.written(), "one\ntwo\n");
});

test("createLogDestination: faults F17, a full disk neither throws nor is silent: lost lines are counted", async () => {
  using file = openFile();
  const full = Object.assign(new Error("full"), { code: "ENOSPC" });
  file.stream.emit("error", full);
  file.stream.emit("error", full);
  file.stream.emit("drop", "a line\n");
  file.stream.emit("drop", "another\n");
  file.stream.emit("drain");
  const report = JSON.parse(await file.written()) as Record<string, unknown>;
  assert.deepEqual([report["level"], report["lostLines"]], ["warn", 2]);
});
