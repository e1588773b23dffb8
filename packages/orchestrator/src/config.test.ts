import assert from "node:assert/strict";
import { test } from "node:test";
import { ORCHESTRATOR_SETTINGS, readConfig } from "./config.ts";

const SECRET = "sixteen-chars-ok";

function valuesOf(env: Record<string, string>, argv: string[] = []) {
  const reading = readConfig({ env, argv });
  assert.ok(reading.kind === "values", JSON.stringify(reading));
  return reading.values;
}

function faultsOf(env: Record<string, string>, argv: string[] = []): string {
  const reading = readConfig({ env, argv });
  assert.ok(reading.kind === "faults", "no fault");
  return reading.faults.join("\n");
}

test("readConfig: the defaults of the contract", () => {
  const values = valuesOf({});
  assert.deepEqual(values.listen, { host: "127.0.0.1", port: 8080 });
  assert.deepEqual(values.proxyListen, { host: "127.0.0.1", port: 8081 });
  assert.equal(values.tunnelIdleMs, 600_000);
  assert.equal(values.dataDir, "./.porchlight");
  assert.deepEqual(
    [
      values.jobTimeoutMs,
      values.queueWaitMs,
      values.heartbeatMs,
      values.drainMs,
      values.maxBodyBytes,
    ],
    [30_000, 5_000, 15_000, 30_000, 10_485_760],
  );
  assert.equal(values.selection, "round-robin");
  assert.equal(values.behindTls, false);
  assert.equal(values.logLevel, "info");
});

test("readConfig: each variable has the flag that its name gives", () => {
  for (const { env, flag } of Object.values(ORCHESTRATOR_SETTINGS)) {
    assert.equal(
      flag,
      `--${env
        .replace(/^ORCH_/, "")
        .toLowerCase()
        .replaceAll("_", "-")}`,
    );
  }
});

test("readConfig: pacing is off unless it is asked for; a rate may be a fraction", () => {
  const { pacePerSecond, paceConcurrent } = valuesOf({});
  assert.deepEqual([pacePerSecond, paceConcurrent], [undefined, undefined]);
  assert.equal(valuesOf({ ORCH_PACE_PER_SECOND: "0.5" }).pacePerSecond, 0.5);
  assert.equal(valuesOf({}, ["--pace-concurrent", "2"]).paceConcurrent, 2);
  const faults = faultsOf({ ORCH_PACE_PER_SECOND: "0", ORCH_PACE_CONCURRENT: "1.5" });
  assert.match(
    faults,
    /ORCH_PACE_PER_SECOND \(--pace-per-second\): Expected a number from 0.01 to 10000/,
  );
  assert.match(
    faults,
    /ORCH_PACE_CONCURRENT \(--pace-concurrent\): Expected a whole number from 1 to 1024/,
  );
});

test("readConfig: a flag wins over its variable", () => {
  assert.deepEqual(valuesOf({ ORCH_LISTEN: "[::1]:1" }, ["--listen", "localhost:2"]).listen, {
    host: "localhost",
    port: 2,
  });
});

test("readConfig: refuses to listen openly without TLS", () => {
  for (const address of ["0.0.0.0:8080", "[::]:8080", "192.168.1.5:8080", "example.com:8080"]) {
    assert.match(faultsOf({ ORCH_LISTEN: address }), /^ORCH_LISTEN: Without TLS only loopback/);
    assert.match(faultsOf({ ORCH_PROXY_LISTEN: address }), /^ORCH_PROXY_LISTEN: Without TLS/);
    valuesOf({ ORCH_LISTEN: address, ORCH_BEHIND_TLS: "true" });
    valuesOf({ ORCH_LISTEN: address, ORCH_TLS_CERT: "a.pem", ORCH_TLS_KEY: "b.pem" });
  }
  valuesOf({ ORCH_LISTEN: "127.0.0.2:0", ORCH_PROXY_LISTEN: "off" });
});

test("readConfig: certificate and key come together", () => {
  assert.match(faultsOf({ ORCH_TLS_CERT: "a.pem" }), /Both or neither/);
  assert.match(faultsOf({ ORCH_TLS_KEY: "a.pem" }), /Both or neither/);
});

test("readConfig: static keys by role; one secret for two keys is a fault", () => {
  const { agentKeys, clientKeys } = valuesOf({
    ORCH_AGENT_KEYS: `home:${SECRET}-1,office:${SECRET}-2`,
    ORCH_CLIENT_KEYS: `lambda:${SECRET}-3`,
  });
  assert.equal(agentKeys?.length, 2);
  assert.equal(clientKeys?.[0]?.principal.keyId, "static:client:lambda");
  const twice = { ORCH_AGENT_KEYS: `home:${SECRET}`, ORCH_ADMIN_KEYS: `me:${SECRET}` };
  assert.match(faultsOf(twice), /One secret is given twice/);
});

test("faults F27: no fault shows a secret", () => {
  const faults = faultsOf({
    ORCH_AGENT_KEYS: "home:canary",
    ORCH_STATE: "redis://user:canary@host",
    ORCH_CLIENT_KEYS: "canary",
  });
  assert.match(faults, /The secret of home is shorter than 16/);
  assert.match(faults, /ORCH_STATE.*Only sqlite is available yet/);
  assert.doesNotMatch(faults, /canary/);
});

test("readConfig: all faults at once", () => {
  const faults = faultsOf({
    ORCH_GEOIP_DB: "x".repeat(4_097),
    ORCH_STATE: "paper",
    ORCH_HEARTBEAT_MS: "1",
    ORCH_JOB_TIMEOUT_MS: "600001",
    ORCH_TARGET_PORTS: "0",
    ORCH_SELECTION: "best",
    ORCH_LISTEN: "8080",
  });
  for (const [, name] of faults.matchAll(/^(\w+)/gm)) assert.ok(name?.startsWith("ORCH_"));
  assert.equal(faults.split("\n").length, 7);
});
