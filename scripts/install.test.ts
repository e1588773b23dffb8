import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { isInstalled, markInstalled } from "./install.mjs";

const EARLIER_S = 1_700_000_000;
const LATER_S = 1_700_000_100;

function workspace(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), "porchlight-install-"));
  t.after(() => rmSync(root, { recursive: true }));
  writeFileSync(join(root, "package-lock.json"), "{}");
  return root;
}

function finishInstall(root: string, atSeconds: number): void {
  const record = join(root, "node_modules/.package-lock.json");
  mkdirSync(join(root, "node_modules"), { recursive: true });
  writeFileSync(record, "{}");
  utimesSync(record, atSeconds, atSeconds);
}

function changeLock(root: string, text: string, atSeconds: number): void {
  writeFileSync(join(root, "package-lock.json"), text);
  utimesSync(join(root, "package-lock.json"), atSeconds, atSeconds);
}

test("isInstalled is false for a fresh clone and for an install that was cut short", (t) => {
  const root = workspace(t);
  assert.equal(isInstalled(root), false);
  mkdirSync(join(root, "node_modules"));
  assert.equal(isInstalled(root), false);
});

test("isInstalled accepts an install by hand that is newer than the lock file", (t) => {
  const root = workspace(t);
  changeLock(root, "{}", EARLIER_S);
  finishInstall(root, LATER_S);
  assert.equal(isInstalled(root), true);
});

test("isInstalled is false once the lock file has changed, and true again after markInstalled", (t) => {
  const root = workspace(t);
  changeLock(root, "{}", EARLIER_S);
  finishInstall(root, EARLIER_S);
  markInstalled(root);
  changeLock(root, '{"changed":true}', LATER_S);
  assert.equal(isInstalled(root), false);
  markInstalled(root);
  assert.equal(isInstalled(root), true);
});

test("isInstalled ignores a lock file whose time alone is newer", (t) => {
  const root = workspace(t);
  finishInstall(root, EARLIER_S);
  markInstalled(root);
  changeLock(root, "{}", LATER_S);
  assert.equal(isInstalled(root), true);
});
