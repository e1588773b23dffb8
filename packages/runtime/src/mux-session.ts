/**
 * Drives the mux core over a real transport and the process's clock.
 *
 * What is written in one turn of the event loop, or a few, leaves in one go (`FlushPlan`). No more than
 * GATE_BYTES are handed to the transport: the queue stays in the mux, where control frames overtake data and
 * streams take turns, and not in a socket buffer.
 */
import { PROCESS_BUDGET_BYTES } from "@porchlight/protocol/limits";
import { type ErrorCode, ProxyError } from "@porchlight/protocol/errors";
import { MemoryBudget } from "@porchlight/protocol/memory-budget";
import type { Hello, Open, Status, Welcome } from "@porchlight/protocol/message";
import { Mux } from "@porchlight/protocol/mux";
import type { MuxHandler } from "@porchlight/protocol/mux-handler";
import type { Stream, StreamHandler } from "@porchlight/protocol/stream";
import { CLOSE_CODES, type CloseCode, type Transport } from "@porchlight/protocol/transport";
import { type Clock, systemClock } from "./clock.ts";
import { FlushPlan, isFew } from "./flush-plan.ts";
import type { Session, SessionHandler } from "./session.ts";

/** Bytes handed to the transport and not yet written at which the mux keeps the rest. */
const GATE_BYTES = 256 * 1024;

/** Heartbeat until WELCOME says otherwise. Milliseconds. */
const DEFAULT_HEARTBEAT_MS = 15_000;

/** What all links of this process may hold together. */
const processBudget = new MemoryBudget(PROCESS_BUDGET_BYTES);

/** The side of a link, its carrier and who hears of it; `helloTimeoutMs` is HELLO_TIMEOUT_MS by default. */
export interface MuxSessionOptions {
  readonly role: "orchestrator" | "agent";
  readonly transport: Transport;
  readonly handler: SessionHandler;
  /** Agent: how it introduces itself. */
  readonly hello?: Hello;
  readonly helloTimeoutMs?: number;
  /** Defaults to the budget all links of this process share. */
  readonly budget?: MemoryBudget;
  readonly clock?: Clock;
  /** Hears of errors thrown by handlers: faults of this program, worth a log line. */
  readonly onFault?: (error: unknown) => void;
}

/** Starts a link over an open transport; an agent says hello at once. */
export function createMuxSession(options: MuxSessionOptions): Session {
  return new MuxSession(options);
}

class MuxSession implements Session {
  readonly #handler: SessionHandler;
  readonly #transport: Transport;
  readonly #mux: Mux;
  readonly #clock: Clock;
  #callOffTimer: (() => void) | undefined;
  #firedAtMs = 0;
  #timerAtMs = Number.POSITIVE_INFINITY;
  readonly #flushPlan: FlushPlan;
  #gated = false;
  #ended: { readonly code: number; readonly reason: string } | undefined;
  #lastReceivedMs: number;

  constructor(options: MuxSessionOptions) {
    this.#handler = options.handler;
    this.#transport = options.transport;
    this.#clock = options.clock ?? systemClock;
    this.#flushPlan = new FlushPlan(this.#clock, () => this.#flush());
    this.#lastReceivedMs = this.#clock.nowMs;
    this.#mux = new Mux({
      role: options.role,
      handler: this.#muxHandler(options),
      heartbeatMs: DEFAULT_HEARTBEAT_MS,
      budget: options.budget ?? processBudget,
      ...(options.helloTimeoutMs === undefined ? {} : { helloTimeoutMs: options.helloTimeoutMs }),
      nowMs: this.#clock.nowMs,
    });
    this.#transport.setHandler({
      onMessage: (piece, isLast) => this.#onMessage(piece, isLast),
      onDrain: () => this.#onTransportDrain(),
      onClose: (code, reason) => this.#onTransportClose(code, reason),
    });
    if (options.hello !== undefined) this.#mux.hello(options.hello);
    this.#armTimer();
  }

  get streams(): number {
    return this.#mux.streams;
  }

  get rttMs(): number | undefined {
    return this.#mux.rttMs;
  }

  get lastSeenAtMs(): number {
    return Math.round(performance.timeOrigin + this.#lastReceivedMs);
  }

  open(open: Open, handler: StreamHandler): Stream {
    try {
      return this.#mux.open(open, handler);
    } catch (thrown) {
      const error = ProxyError.from(thrown);
      this.#clock.soon(() => handler.onError(error));
      return DEAD_STREAM;
    }
  }

  welcome(welcome: Welcome): void {
    this.#mux.welcome(welcome);
    this.#armTimer();
  }

  status(status: Status): void {
    this.#mux.status(status);
  }

  drain(reason: string): void {
    this.#mux.drain({ reason });
  }

  close(closeCode: CloseCode, reason: string, code: ErrorCode = "agent_lost"): void {
    if (this.#ended !== undefined) return;
    // What is already queued (a refusal, a last status) still leaves, then the goodbye.
    this.#flush();
    this.#end(closeCode, reason, code);
    this.#transport.close(closeCode, reason);
  }

  #muxHandler(options: MuxSessionOptions): MuxHandler {
    const handler = options.handler;
    return {
      onHello: (hello) => handler.onHello?.(hello),
      onWelcome: (welcome) => {
        this.#armTimer();
        handler.onWelcome?.(welcome);
      },
      onOpen: (stream, open) => openedBy(handler, stream, open),
      onDrain: (reason) => handler.onDrain?.(reason),
      onStatus: (status) => handler.onStatus?.(status),
      // Later: it may be the frame now being put into a message that ends the last stream.
      onIdle: () => {
        if (handler.onIdle !== undefined) this.#clock.next(this.#tellIdle);
      },
      onBroken: (code, reason) => this.#onBroken(code, reason),
      onFault: (error) => options.onFault?.(error),
      onOutput: () => this.#onOutput(),
    };
  }

  #onMessage(piece: Uint8Array, isLast: boolean): void {
    if (this.#ended !== undefined) return;
    this.#lastReceivedMs = this.#clock.nowMs;
    this.#mux.receive(piece, isLast, this.#lastReceivedMs);
  }

  #onTransportDrain(): void {
    if (!this.#gated) return;
    this.#gated = false;
    this.#flush();
  }

  #onTransportClose(code: number, reason: string): void {
    this.#end(code, reason, "agent_lost");
    const ended = this.#ended ?? { code, reason };
    this.#handler.onClose(ended.code, ended.reason);
  }

  #onBroken(code: CloseCode, reason: string): void {
    if (code === CLOSE_CODES.goingAway) {
      // A silent peer hears no goodbye: the carrier is ended at once.
      this.#end(code, reason, "agent_lost");
      this.#transport.abort();
    } else {
      this.close(code, reason, "agent_protocol_error");
    }
  }

  #end(code: number, reason: string, errorCode: ErrorCode): void {
    if (this.#ended !== undefined) return;
    this.#ended = { code, reason };
    this.#callOffTimer?.();
    this.#mux.close(
      new ProxyError(errorCode, LOSS_MESSAGES[errorCode] ?? "The agent's link was lost"),
    );
  }

  // ── sending ──

  #onOutput(): void {
    if (!this.#gated) this.#flushPlan.add(this.#mux.streams);
  }

  #flush(): void {
    if (this.#ended !== undefined) return;
    const nowMs = this.#clock.nowMs;
    const joins = !isFew(this.#mux.streams);
    while (this.#transport.bufferedBytes < GATE_BYTES) {
      const message = this.#mux.takeMessage(nowMs);
      if (message === undefined) return;
      this.#transport.send(message, joins);
      this.#mux.tellSent();
    }
    this.#gated = true;
  }

  readonly #tellIdle = (): void => {
    if (this.#ended === undefined && this.#mux.streams === 0) this.#handler.onIdle?.();
  };

  // ── time ──

  #armTimer(): void {
    const dueMs = this.#mux.nextTimeoutMs;
    if (this.#ended !== undefined || dueMs === this.#timerAtMs) return;
    this.#callOffTimer?.();
    this.#timerAtMs = dueMs;
    const delayMs = Math.max(0, Math.ceil(dueMs - this.#clock.nowMs));
    this.#callOffTimer = this.#clock.schedule(delayMs, this.#onTimer);
  }

  /**
   * Judged after the poll phase, by the time before it: bytes that waited while the event loop was blocked
   * count first, and a block in between counts for nobody's silence (faults F19).
   */
  readonly #onTimer = (): void => {
    this.#firedAtMs = this.#clock.nowMs;
    this.#clock.soon(this.#tick);
  };

  readonly #tick = (): void => {
    if (this.#ended !== undefined) return;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    this.#mux.tick(this.#firedAtMs);
    this.#armTimer();
  };
}

const LOSS_MESSAGES: Partial<Record<ErrorCode, string>> = {
  agent_revoked: "The agent's key was revoked",
  agent_protocol_error: "The agent broke the protocol of its link",
};

function openedBy(handler: SessionHandler, stream: Stream, open: Open): StreamHandler {
  const opened = handler.onOpen?.(stream, open);
  if (opened !== undefined) return opened;
  stream.abort("internal", "Nobody takes streams here");
  return IGNORING_HANDLER;
}

function ignore(): void {
  // Nothing is left to be done on a stream that is over.
}

const IGNORING_HANDLER: StreamHandler = {
  onHead: ignore,
  onData: ignore,
  onEnd: ignore,
  onDrain: ignore,
  onError: ignore,
};

const DEAD_STREAM: Stream = {
  id: 0,
  head: ignore,
  write: () => true,
  end: ignore,
  abort: ignore,
  consume: ignore,
};
