import type { ErrorCode, ProxyError } from "@porchlight/protocol/errors";
import type { StreamHandler } from "@porchlight/protocol/stream";
import type { LineBytes } from "./line-bytes.ts";

/** How a job or tunnel ended. */
export interface WorkResult {
  readonly outcome: "completed" | ErrorCode;
  /** Why, when it was not completed. */
  readonly error?: ProxyError;
  /** The target's HTTP status, once one came. */
  readonly status?: number;
  /** Hosts besides the asked one that redirects led to. */
  readonly redirectHosts?: readonly string[];
}

/** A job or tunnel that runs: it hears its stream and can be ended. */
export interface Work extends StreamHandler {
  /** Begins; what goes wrong is told on the stream. */
  start(): void;
  /** Bytes on the line so far. */
  readonly bytes: LineBytes;
  /** It has lasted for a while. */
  onLasting?(): void;
  /** Ends it now, on the stream and at the target. Does nothing once it has ended. */
  abort(error: ProxyError): void;
}

/** Called once when a job or tunnel has ended. */
export type OnWorkEnded = (result: WorkResult) => void;
