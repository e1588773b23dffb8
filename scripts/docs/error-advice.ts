import type { ErrorCode } from "@porchlight/protocol/errors";

/** What docs/errors.md tells a reader who got the code: what it means, then what to do. */
export const ERROR_ADVICE = {
  internal: "A fault of ours. Report it with the `requestId`.",
  cancelled: "The client went away or cancelled the job. It was stopped at the agent too.",
  invalid_request: "`detail` names the field and what was expected.",
  invalid_url: "Only absolute `http` and `https` URLs without user and password.",
  invalid_header:
    "A name or value that HTTP does not allow, or one that is set for you: `Host` other than the URL's, `Content-Length`, `Transfer-Encoding`, `Connection`, `Proxy-*`.",
  unauthenticated:
    "No key, or one that is wrong, revoked or expired; the answer is the same for all of them.",
  forbidden: "The key is good but has another role.",
  target_forbidden:
    "The target is, or its name resolves to, an address that is not public, or a domain the operator refuses. Operators allow exceptions with `AGENT_TARGET_ALLOW`.",
  port_forbidden: "The target's port is not in `ORCH_TARGET_PORTS` or `AGENT_TARGET_PORTS`.",
  not_found: "No such route, job or agent for this key.",
  method_not_allowed: "`Allow` in the answer lists what this route takes.",
  job_ended: "The job has ended and can no longer be changed.",
  session_mismatch: "The session was begun with other filters. Use another session name.",
  body_too_large: "The request body is larger than `ORCH_MAX_BODY_BYTES`.",
  unsupported_media_type: "Send `Content-Type: application/json`.",
  idempotency_key_reused: "The same `Idempotency-Key` came with another body.",
  rate_limited: "Wait as long as `Retry-After` says.",
  loop_detected: "The target is Porchlight itself.",
  no_agent_available:
    "No agent that fits was free in time. Wait as long as `Retry-After` says, ask for less, or connect more agents.",
  overloaded: "Too much is under way here or at the agent. Try again later.",
  shutting_down: "This orchestrator is about to stop. Try again; another one answers.",
  session_lost: "The session's exit is gone and the session is strict. Begin a new one.",
  agent_lost:
    "The agent's line was cut in the middle. Whether the request reached the target is unknown, so it was not repeated unless that is safe.",
  agent_revoked: "The agent's key was revoked while it worked for you. Try again.",
  agent_protocol_error: "The agent sent something that cannot be an answer. Try again.",
  dns_failed: "The agent's resolver does not know the name.",
  host_unreachable: "The agent has no route to the target.",
  connection_refused: "Nobody listens at the target's port.",
  connection_reset: "The target cut the connection before or within its answer.",
  tls_failed: "The target's certificate or handshake was not accepted.",
  target_protocol_error: "The target's answer is not HTTP.",
  response_truncated: "The target sent fewer bytes than it announced.",
  response_too_large: "The answer is larger than `maxResponseBytes`.",
  too_many_redirects: "More redirects than `maxRedirects`, or a loop of them.",
  connect_timeout: "The target did not accept a connection in time.",
  target_timeout: "The target accepted the connection and did not answer in time.",
  job_timeout: "The job's `timeoutMs` passed, waiting for an agent included.",
} as const satisfies Record<ErrorCode, string>;
