import assert from "node:assert/strict";
import { test } from "node:test";
import { ProxyError } from "@porchlight/protocol/errors";
import { createLogger, secrets, silentLogger, type LogLevel } from "./logger.ts";

function collect(level: LogLevel = "info", pretty = false) {
  const lines: string[] = [];
  const destination = { write: (line: string) => lines.push(line) };
  return { logger: createLogger({ name: "test", level, pretty, destination }), lines };
}

const fields = (line: string | undefined) => JSON.parse(line ?? "") as Record<string, unknown>;

test("createLogger writes one JSON line with ISO time, level as a word, name, fields and message", () => {
  const { logger, lines } = collect();
  logger.child({ agentId: "agent_1" }).info({ jobId: "job_1" }, "Job done");
  assert.equal(lines.length, 1);
  assert.ok(lines[0]?.endsWith("}\n"));
  const { time, ...rest } = fields(lines[0]);
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(rest, {
    level: "info",
    name: "test",
    agentId: "agent_1",
    jobId: "job_1",
    msg: "Job done",
  });
});

test("createLogger builds nothing for a line below its level", () => {
  const { logger, lines } = collect("warn");
  const touchy = {
    get value() {
      return assert.fail("read");
    },
  };
  logger.info(touchy, "never");
  assert.deepEqual(lines, []);
});

test("createLogger: errors come with code and causes; the stack only at debug", () => {
  const cause = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
  const error = new ProxyError("connection_refused", "Could not connect", { cause });
  const quiet = collect();
  quiet.logger.error({ err: error }, "Failed");
  assert.deepEqual(fields(quiet.lines[0])["err"], {
    type: "ProxyError",
    code: "connection_refused",
    message: "Could not connect",
    cause: { type: "Error", code: "ECONNREFUSED", message: "refused" },
  });
  const loud = collect("debug");
  loud.logger.error({ err: error }, "Failed");
  assert.match(loud.lines[0] ?? "", /"stack":"ProxyError: Could not connect/);
});

test("createLogger: an error that is its own cause ends", () => {
  const { logger, lines } = collect();
  const error = new Error("loop");
  error.cause = error;
  logger.error({ err: error }, "Failed");
  assert.equal(lines.length, 1);
});

test("createLogger: faults F27, a secret is in no line, as field, name, message, error or binding", () => {
  const canary = 'canary-"7f3a"';
  secrets.register(canary);
  for (const pretty of [false, true]) {
    const { logger, lines } = collect("debug", pretty);
    logger.child({ [canary]: 1, bound: canary }).info({ deep: { list: [canary] } }, `at ${canary}`);
    logger.error({ err: new Error(canary, { cause: new Error(canary) }) }, "Failed");
    logger.error(new Error(canary));
    const text = lines.join("");
    assert.equal(lines.length, 3);
    assert.ok(!text.includes("7f3a"), text);
  }
});

test("createLogger writes readable text when pretty", () => {
  const { logger, lines } = collect("info", true);
  logger.info({ host: "example.com" }, "Job done");
  assert.match(lines[0] ?? "", /^\[\d\d:\d\d:\d\d\] INFO: Job done \{"host":"example.com"\}\n$/);
});

test("silentLogger has no level at which it speaks", () => {
  assert.equal(silentLogger().isLevelEnabled("fatal"), false);
});
