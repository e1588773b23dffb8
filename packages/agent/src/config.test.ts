import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { formatKey } from "@porchlight/protocol/key-format";
import { type AgentConfig, readConfig } from "./config.ts";

const REQUIRED = { ORCH_WS: "wss://porch.example/agent", AGENT_KEY: "a-static-key" };

function read(env: Record<string, string>): AgentConfig {
  const reading = readConfig({ env: { ...REQUIRED, ...env }, argv: [] });
  if (reading.kind !== "values") assert.fail(JSON.stringify(reading));
  return reading.values;
}

function faultsOf(env: Record<string, string>): readonly string[] {
  const reading = readConfig({ env: { ...REQUIRED, ...env }, argv: [] });
  return reading.kind === "faults" ? reading.faults : [];
}

test("readConfig: address and key are enough", () => {
  const config = read({});
  assert.equal(config.orchestratorUrl.href, "wss://porch.example/agent");
  assert.equal(config.maxConcurrency, 8);
  assert.ok(config.name.length > 0 && config.dataFolder.length > 0);
});

test("readConfig: every fault at once, and no key in any", () => {
  const faults = faultsOf({ ORCH_WS: "http://x", AGENT_KEY: "has a space", AGENT_HOURS: "late" });
  assert.equal(faults.length, 3);
  assert.equal(
    faults.some((fault) => fault.includes("has a space")),
    false,
  );
});

test("readConfig: ws:// only to this computer", () => {
  for (const host of ["localhost", "127.0.0.1:8080", "[::1]:8080"]) {
    assert.deepEqual(faultsOf({ ORCH_WS: `ws://${host}/agent` }), []);
  }
  for (const host of ["porch.example", "192.168.1.5", "127.0.0.1.evil.example"]) {
    assert.equal(faultsOf({ ORCH_WS: `ws://${host}/agent` }).length, 1, host);
  }
});

test("readConfig: a key in the address is refused", () => {
  assert.equal(faultsOf({ ORCH_WS: "wss://porch.example/agent?key=x" }).length, 1);
  assert.equal(faultsOf({ ORCH_WS: "wss://u:p@porch.example/agent" }).length, 1);
});

test("readConfig: a key pasted in part, with a slip, or of another role is told at once", () => {
  const key = formatKey("agent", new Uint8Array(25).fill(7));
  assert.deepEqual(faultsOf({ AGENT_KEY: key }), []);
  assert.match(faultsOf({ AGENT_KEY: key.slice(0, -1) })[0] ?? "", /lacks a part/);
  const slip = key.replace(/.$/, (last) => (last === "0" ? "1" : "0"));
  assert.match(faultsOf({ AGENT_KEY: slip })[0] ?? "", /slip/);
  const client = formatKey("client", new Uint8Array(25).fill(7));
  assert.match(faultsOf({ AGENT_KEY: client })[0] ?? "", /one of a client/);
});

test("readConfig: AGENT_CA_FILE is read, and has to be PEM", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "config-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "ca.pem");
  assert.match(faultsOf({ AGENT_CA_FILE: file })[0] ?? "", /can be read/);
  await writeFile(file, "nonsense");
  assert.match(faultsOf({ AGENT_CA_FILE: file })[0] ?? "", /PEM/);
  await writeFile(file, "-----BEGIN CERTIFICATE-----\n");
  assert.match(read({ AGENT_CA_FILE: file }).extraCa ?? "", /BEGIN/);
});

test("readConfig: limits above nothing", () => {
  assert.equal(read({ AGENT_MAX_MBPS: "2.5" }).maxMbps, 2.5);
  assert.equal(faultsOf({ AGENT_MAX_MBPS: "0", AGENT_MONTHLY_CAP_GB: "0" }).length, 2);
  assert.equal(faultsOf({ AGENT_NAME: "two\nlines" }).length, 1);
});
