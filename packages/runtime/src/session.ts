/**
 * The port to one live mux link, as the agent's connection and the orchestrator's gateway use it.
 * `mux-session.ts` drives it over a real transport and clock.
 */
import type { ErrorCode } from "@porchlight/protocol/errors";
import type { Hello, Open, Status, Welcome } from "@porchlight/protocol/message";
import type { Stream, StreamHandler } from "@porchlight/protocol/stream";
import type { CloseCode } from "@porchlight/protocol/transport";

/** Hears what happens on the link. `onClose` is the last call, and comes exactly once. */
export interface SessionHandler {
  /** Orchestrator: the agent introduced itself. Answer with `welcome` or `close`. */
  onHello?(hello: Hello): void;
  /** Agent: accepted. */
  onWelcome?(welcome: Welcome): void;
  /** Agent: a new stream. Returns who handles it; may abort it at once. */
  onOpen?(stream: Stream, open: Open): StreamHandler;
  /** The peer drains: it takes no new streams and leaves when the running ones have ended. */
  onDrain?(reason: string): void;
  /** Orchestrator: the agent was paused by its operator's limits (`status.paused` says why), or is active again. */
  onStatus?(status: Status): void;
  /** No stream is left open. */
  onIdle?(): void;
  /** The link is gone. All its streams have heard `onError` before. */
  onClose(code: number, reason: string): void;
}

/** One live mux link; on one that is gone its methods do nothing, and none of them throws. */
export interface Session {
  /** Streams open at this moment. */
  readonly streams: number;
  /** Smoothed round-trip time in milliseconds; `undefined` before the first answer to a ping. */
  readonly rttMs: number | undefined;
  /** When the last byte came: Unix epoch milliseconds. */
  readonly lastSeenAtMs: number;
  /** Orchestrator: opens a stream. On a link that is gone, the handler hears `agent_lost` in a later tick. */
  open(open: Open, handler: StreamHandler): Stream;
  /** Orchestrator: accepts the agent. */
  welcome(welcome: Welcome): void;
  /** Agent: tells its own state. */
  status(status: Status): void;
  /** Tells the peer that this side takes no new streams. */
  drain(reason: string): void;
  /** Ends the link with a close code; every open stream's handler hears `code` (default `agent_lost`). */
  close(closeCode: CloseCode, reason: string, code?: ErrorCode): void;
}
