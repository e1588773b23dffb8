import assert from "node:assert/strict";
import { test } from "node:test";
import { completeLock, missingPlatformBuilds } from "./lock-file.ts";

const LOCK = {
  packages: {
    "": {},
    "node_modules/@tool/binding-linux-x64-gnu": { version: "1.2.3" },
    "node_modules/tool": {
      version: "1.2.3",
      dev: true,
      optionalDependencies: {
        "@tool/binding-linux-x64-gnu": "1.2.3",
        "@tool/binding-linux-x64-musl": "1.2.3",
        "@tool/win32-arm64": "1.2.3",
        "node-plain-addon": "1.0.0",
      },
    },
  },
};

test("missingPlatformBuilds names the platforms that have no entry, and nothing else", () => {
  assert.deepEqual(
    missingPlatformBuilds(LOCK).map(({ name }) => name),
    ["@tool/binding-linux-x64-musl", "@tool/win32-arm64"],
  );
});

test("completeLock adds them for their platform only, in order, and then none is missing", () => {
  const complete = completeLock(LOCK);
  assert.deepEqual(complete.packages["node_modules/@tool/binding-linux-x64-musl"], {
    version: "1.2.3",
    cpu: ["x64"],
    libc: ["musl"],
    optional: true,
    os: ["linux"],
    dev: true,
  });
  assert.deepEqual(complete.packages["node_modules/@tool/win32-arm64"]?.os, ["win32"]);
  assert.equal(Object.keys(complete.packages).at(-1), "node_modules/tool");
  assert.deepEqual(missingPlatformBuilds(complete), []);
});
