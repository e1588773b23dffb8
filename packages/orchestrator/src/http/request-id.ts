import type { IncomingMessage } from "node:http";
import { createId } from "@porchlight/runtime/ids";

/** What a caller may choose: fit for logs and headers. */
const CHOSEN = /^[A-Za-z0-9._-]{1,64}$/;

/** The id that this call has in answers and logs: the caller's `X-Request-Id` if it is fit, else a new one. */
export function requestIdOf(request: Pick<IncomingMessage, "headers">): string {
  const chosen = request.headers["x-request-id"];
  return typeof chosen === "string" && CHOSEN.test(chosen) ? chosen : createId("req");
}
