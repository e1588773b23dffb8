import type { MemoryBudget } from "./memory-budget.ts";
import type { Hello, Open, Status, Welcome } from "./message.ts";
import type { Stream, StreamHandler } from "./stream.ts";
import type { CloseCode } from "./transport.ts";

/** What the mux tells the session that drives it. */
export interface MuxHandler {
  onHello(hello: Hello): void;
  onWelcome(welcome: Welcome): void;
  onOpen(stream: Stream, open: Open): StreamHandler;
  onDrain(reason: string): void;
  onStatus(status: Status): void;
  /** The last open stream has ended. */
  onIdle(): void;
  /** The link must be closed with this code: the peer broke the protocol, is silent or floods. */
  onBroken(code: CloseCode, reason: string): void;
  /** A handler threw: a fault of this program, which cost one stream. */
  onFault(error: unknown): void;
  /** There is output: `takeMessage` soon. */
  onOutput(): void;
}

/** What a mux is made of. */
export interface MuxOptions {
  readonly role: "orchestrator" | "agent";
  readonly handler: MuxHandler;
  /** Used until WELCOME says otherwise. Milliseconds. */
  readonly heartbeatMs: number;
  /** The process's budget for data received and not yet drained. */
  readonly budget?: MemoryBudget;
  readonly helloTimeoutMs?: number;
  readonly nowMs: number;
}
