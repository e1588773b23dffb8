import { ERRORS, isErrorCode, ProxyError, type ErrorCode } from "@porchlight/protocol/errors";

/** Codes besides the target's that an agent can know: refusals of its own. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  "overloaded",
  "shutting_down",
  "target_forbidden",
  "port_forbidden",
  "invalid_request",
  "invalid_url",
  "invalid_header",
  "loop_detected",
]);

/**
 * An agent's report that its work failed, as the client may see it. A code that only the orchestrator can know
 * would send the client after the wrong fault, so that it becomes `agent_protocol_error`. Without a code, the
 * agent's HTTP client failed and nobody knows how far the request came: `connection_reset`, which is tried on
 * another agent only where repeating is safe.
 * @param unsent the agent says that nothing has left for a target
 */
export function agentError(code: string | undefined, message: string, unsent = false): ProxyError {
  if (code === undefined) return new ProxyError("connection_reset", `Agent reports: ${message}`);
  if (isErrorCode(code) && mayComeFromAgent(code)) {
    return new ProxyError(code, message === "" ? ERRORS[code].title : message, { unsent });
  }
  return new ProxyError("agent_protocol_error", `Agent failed in its own way: ${message}`);
}

function mayComeFromAgent(code: ErrorCode): boolean {
  // `job_timeout` is the orchestrator's own clock; an agent's is `target_timeout`.
  return REFUSALS.has(code) || (ERRORS[code].fault === "target" && code !== "job_timeout");
}
