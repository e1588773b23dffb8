/** Failures of the conversation with a target, translated once: by the code Node gives them, never by their text. */
import { type ErrorCode, ProxyError } from "@porchlight/protocol/errors";

/** How far it had come: nothing of the answer was there, a part of its head, or its head. */
export type TargetPhase = "request" | "head" | "body";

/** What an end of the connection counts as. */
const CUT: Readonly<Record<TargetPhase, ErrorCode>> = {
  request: "connection_reset",
  head: "target_protocol_error",
  body: "response_truncated",
};

const SENTENCES: Readonly<Record<string, string>> = {
  connection_reset: "ended the connection before it answered",
  target_protocol_error: "did not answer in proper HTTP",
  response_truncated: "ended its response early",
};

/** A failure as one of our errors; `where` names the target in the message: host and port. */
export function targetFailure(error: unknown, phase: TargetPhase, where: string): ProxyError {
  // The tunnel itself broke, and said how.
  if (error instanceof ProxyError) return error;
  const isParser = codeOf(error).startsWith("HPE_");
  // What it was reading is lent memory, which will hold another stream's bytes.
  if (isParser) Reflect.deleteProperty(error as Error, "rawPacket");
  const code = isParser ? "target_protocol_error" : CUT[phase];
  return new ProxyError(code, `${where} ${SENTENCES[code]}`, { cause: error });
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}
