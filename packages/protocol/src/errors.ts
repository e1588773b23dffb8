/**
 * The one table of error codes. Every refusal and failure in Porchlight is one of these; each door
 * owns its own projection of them (HTTP status, SOCKS reply, close code).
 */

/** Who has to change something for the same call to work. */
export type Fault = "client" | "orchestrator" | "agent" | "target";

/** Whether asking again can help: never, through another agent now, or later. */
export type Retry = "never" | "other-agent" | "later";

interface ErrorEntry {
  /** Number of the code in ABORT frames; never reused. */
  readonly wire: number;
  readonly fault: Fault;
  readonly retry: Retry;
  /** Short summary for people; the same for every occurrence (RFC 9457 `title`). */
  readonly title: string;
}

/** Code → number on the wire (ABORT frames), whose fault it is, whether and where to try again, and a short title. */
export const ERRORS = {
  internal: { wire: 1, fault: "orchestrator", retry: "later", title: "Internal error" },
  cancelled: { wire: 2, fault: "client", retry: "never", title: "Cancelled" },

  invalid_request: { wire: 10, fault: "client", retry: "never", title: "Invalid request" },
  invalid_url: { wire: 11, fault: "client", retry: "never", title: "Invalid URL" },
  invalid_header: { wire: 12, fault: "client", retry: "never", title: "Invalid header" },
  unauthenticated: { wire: 13, fault: "client", retry: "never", title: "Unauthenticated" },
  forbidden: { wire: 14, fault: "client", retry: "never", title: "Forbidden" },
  target_forbidden: { wire: 15, fault: "client", retry: "never", title: "Target not allowed" },
  port_forbidden: { wire: 16, fault: "client", retry: "never", title: "Target port not allowed" },
  not_found: { wire: 17, fault: "client", retry: "never", title: "Not found" },
  method_not_allowed: { wire: 18, fault: "client", retry: "never", title: "Method not allowed" },
  job_ended: { wire: 19, fault: "client", retry: "never", title: "Job has ended" },
  session_mismatch: { wire: 20, fault: "client", retry: "never", title: "Session filters differ" },
  body_too_large: { wire: 21, fault: "client", retry: "never", title: "Request body too large" },
  unsupported_media_type: {
    wire: 22,
    fault: "client",
    retry: "never",
    title: "Unsupported media type",
  },
  idempotency_key_reused: {
    wire: 23,
    fault: "client",
    retry: "never",
    title: "Idempotency key reused",
  },
  rate_limited: { wire: 24, fault: "client", retry: "later", title: "Rate limited" },
  loop_detected: { wire: 25, fault: "client", retry: "never", title: "Loop detected" },

  no_agent_available: {
    wire: 40,
    fault: "orchestrator",
    retry: "later",
    title: "No agent available",
  },
  overloaded: { wire: 41, fault: "orchestrator", retry: "other-agent", title: "Overloaded" },
  shutting_down: { wire: 42, fault: "orchestrator", retry: "other-agent", title: "Shutting down" },

  session_lost: { wire: 60, fault: "agent", retry: "later", title: "Session's exit is gone" },
  agent_lost: { wire: 61, fault: "agent", retry: "other-agent", title: "Agent lost" },
  agent_revoked: { wire: 62, fault: "agent", retry: "other-agent", title: "Agent key revoked" },
  agent_protocol_error: {
    wire: 63,
    fault: "agent",
    retry: "other-agent",
    title: "Agent broke the protocol",
  },

  dns_failed: { wire: 80, fault: "target", retry: "other-agent", title: "Name not resolved" },
  host_unreachable: { wire: 81, fault: "target", retry: "other-agent", title: "Host unreachable" },
  connection_refused: { wire: 82, fault: "target", retry: "later", title: "Connection refused" },
  connection_reset: {
    wire: 83,
    fault: "target",
    retry: "other-agent",
    title: "Connection reset by the target",
  },
  tls_failed: { wire: 84, fault: "target", retry: "never", title: "TLS with the target failed" },
  target_protocol_error: {
    wire: 85,
    fault: "target",
    retry: "never",
    title: "Target broke the protocol",
  },
  response_truncated: {
    wire: 86,
    fault: "target",
    retry: "other-agent",
    title: "Response cut short",
  },
  response_too_large: { wire: 87, fault: "target", retry: "never", title: "Response too large" },
  too_many_redirects: { wire: 88, fault: "target", retry: "never", title: "Too many redirects" },
  connect_timeout: { wire: 89, fault: "target", retry: "other-agent", title: "Connect timeout" },
  target_timeout: { wire: 90, fault: "target", retry: "later", title: "Target timeout" },
  job_timeout: { wire: 91, fault: "target", retry: "later", title: "Job timeout" },
} as const satisfies Record<string, ErrorEntry>;

/** One of the codes of `ERRORS`. */
export type ErrorCode = keyof typeof ERRORS;

const CODE_BY_WIRE: ReadonlyMap<number, ErrorCode> = new Map(
  Object.entries(ERRORS).map(([code, entry]) => [entry.wire, code as ErrorCode]),
);

/** The code of a number read from an ABORT frame, or `undefined` for a number this version does not know. */
export function errorCodeOfWire(wire: number): ErrorCode | undefined {
  return CODE_BY_WIRE.get(wire);
}

/** Whether a string (from a JSON agent, say) is one of the codes. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

/**
 * The one error class. `message` is shown to users: sentence case, no final period, says what was
 * being done and with which value, and never holds a credential or a URL with its query.
 */
export class ProxyError extends Error {
  readonly code: ErrorCode;
  /** Nothing of the request has left for a target: doing it elsewhere does nothing twice. */
  readonly unsent: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly unsent?: boolean } = {},
  ) {
    super(message, options);
    this.name = "ProxyError";
    this.code = code;
    this.unsent = options.unsent ?? false;
  }

  get fault(): Fault {
    return ERRORS[this.code].fault;
  }

  get retry(): Retry {
    return ERRORS[this.code].retry;
  }

  /** Any thrown value as a `ProxyError`; what is not one yet becomes `internal` with the original as `cause`. */
  static from(thrown: unknown): ProxyError {
    if (thrown instanceof ProxyError) return thrown;
    return new ProxyError("internal", "Something went wrong here", { cause: thrown });
  }
}
