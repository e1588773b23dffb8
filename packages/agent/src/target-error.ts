/**
 * Failures of the way to a target and of the conversation with it, translated once: by the code Node, OpenSSL or
 * undici gives them, never by their text.
 */
import { type ErrorCode, ProxyError } from "@porchlight/protocol/errors";

/** What was going on: it decides what an unknown failure counts as. */
export type TargetPhase = "resolve" | "connect" | "tls" | "exchange" | "head" | "body";

const CODES: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: "connection_refused",
  ECONNRESET: "connection_reset",
  EPIPE: "connection_reset",
  ECONNABORTED: "connection_reset",
  EHOSTUNREACH: "host_unreachable",
  ENETUNREACH: "host_unreachable",
  EHOSTDOWN: "host_unreachable",
  ENETDOWN: "host_unreachable",
  EADDRNOTAVAIL: "host_unreachable",
  EACCES: "host_unreachable",
  EPERM: "host_unreachable",
  ETIMEDOUT: "connect_timeout",
  // Faults F18: this machine has no more to give; another agent may have.
  EMFILE: "overloaded",
  ENFILE: "overloaded",
  ENOBUFS: "overloaded",
  ENOMEM: "overloaded",
  // Refused by the HTTP client itself, before anything was sent.
  UND_ERR_INVALID_ARG: "invalid_request",
  UND_ERR_NOT_SUPPORTED: "invalid_header",
  UND_ERR_HEADERS_OVERFLOW: "target_protocol_error",
};

/** What a failure without a code of its own counts as, by phase. */
const DEFAULTS: Readonly<Record<TargetPhase, ErrorCode>> = {
  resolve: "dns_failed",
  connect: "host_unreachable",
  tls: "tls_failed",
  exchange: "target_protocol_error",
  head: "target_protocol_error",
  body: "response_truncated",
};

/** A response that ends where none may: with the connection, or against its own length. */
const CUT_CODES: ReadonlySet<string> = new Set([
  "UND_ERR_SOCKET",
  "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
  "HPE_INVALID_EOF_STATE",
]);

/** What that counts as: half a head (or a 101 nobody asked for), or half a body. */
const CUT_IN_PHASE: Readonly<Partial<Record<TargetPhase, ErrorCode>>> = {
  head: "target_protocol_error",
  body: "response_truncated",
};

/** Codes of an end of the connection that is worth a second try on a fresh one, if nothing was answered yet. */
const CLOSED_CODES: ReadonlySet<string> = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"]);

/** The `code` of a foreign error, empty when it has none. */
export function codeOf(error: unknown): string {
  const code: unknown =
    typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}

/** Whether the peer ended the connection, by whatever means. */
export function isConnectionEnd(error: unknown): boolean {
  return CLOSED_CODES.has(codeOf(error));
}

/** A failure as one of our errors; `where` names the target in the message: a host, or host and port. */
export function translateTargetError(
  error: unknown,
  phase: TargetPhase,
  where: string,
): ProxyError {
  if (error instanceof ProxyError) return error;
  const foreign = codeOf(error);
  const code = translateCode(foreign, phase);
  return new ProxyError(code, describe(code, where, foreign), { cause: error });
}

function translateCode(foreign: string, phase: TargetPhase): ErrorCode {
  if (CUT_CODES.has(foreign)) return CUT_IN_PHASE[phase] ?? "connection_reset";
  if (foreign.startsWith("HPE_")) return "target_protocol_error";
  if (phase === "resolve" && CODES[foreign] !== "overloaded") return "dns_failed";
  return CODES[foreign] ?? DEFAULTS[phase];
}

function describe(code: ErrorCode, where: string, foreign: string): string {
  const detail = foreign === "" ? "" : ` (${foreign})`;
  const sentence = SENTENCES[code];
  return sentence === undefined
    ? `Talking to ${where} failed${detail}`
    : `${sentence(where)}${detail}`;
}

const SENTENCES: Readonly<Partial<Record<ErrorCode, (where: string) => string>>> = {
  dns_failed: (where) => `The name ${where} could not be resolved`,
  connection_refused: (where) => `${where} refused the connection`,
  connection_reset: (where) => `${where} ended the connection before the answer was complete`,
  host_unreachable: (where) => `${where} could not be reached`,
  connect_timeout: (where) => `${where} did not take the connection in time`,
  overloaded: (where) => `This agent cannot open more connections, wanted one to ${where}`,
  tls_failed: (where) => `No secure connection to ${where} could be made`,
  target_protocol_error: (where) => `${where} did not answer in proper HTTP`,
  response_truncated: (where) => `${where} ended its response early`,
};
