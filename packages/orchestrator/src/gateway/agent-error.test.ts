import assert from "node:assert/strict";
import { test } from "node:test";
import { ERRORS } from "@porchlight/protocol/errors";
import { agentError } from "./agent-error.ts";

test("agentError: a code that an agent can know stays", () => {
  for (const code of ["dns_failed", "target_timeout", "target_forbidden", "overloaded"]) {
    assert.equal(agentError(code, "x").code, code);
  }
  assert.equal(agentError("dns_failed", "").message, ERRORS.dns_failed.title);
});

test("agentError: keeps that nothing was sent, where an agent can know it", () => {
  assert.equal(agentError("overloaded", "x", true).unsent, true);
  assert.equal(agentError("overloaded", "x").unsent, false);
  assert.equal(agentError(undefined, "x", true).unsent, false);
});

test("agentError: unknown codes and those only the orchestrator can know are the agent's fault", () => {
  for (const code of ["nonsense", "", "unauthenticated", "internal", "job_timeout", "__proto__"]) {
    assert.equal(agentError(code, "x").code, "agent_protocol_error", code);
  }
});

test("agentError: a plain message is tried elsewhere only where repeating is safe", () => {
  const error = agentError(undefined, "socket hang up");
  assert.equal(error.code, "connection_reset");
  assert.equal(error.message, "Agent reports: socket hang up");
});
