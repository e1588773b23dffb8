/**
 * The core of a link: messages and time in, events and messages out. No I/O, no clock, no timers.
 *
 * The session that drives it calls `receive` for each message of the carrier, `tick` when `nextTimeoutMs` has
 * come, and `takeMessage` while there is output and the carrier has room; the mux calls the handler.
 * Source: docs/protocol.md.
 */
import { CLOSE_CODES, type CloseCode, type OutgoingMessage } from "./transport.ts";
import { ProxyError } from "./errors.ts";
import {
  FRAME,
  PING_BYTES,
  ProtocolViolation,
  decodeJson,
  encodeJsonFrame,
  encodeOpenFrame,
  encodePingFrame,
  encodePongFrame,
  readUint32,
} from "./frame.ts";
import { FrameReader, type FrameSink } from "./frame-reader.ts";
import {
  HELLO_TIMEOUT_MS,
  INITIAL_WINDOW_BYTES,
  LINK_BUDGET_BYTES,
  MAX_STREAMS_PER_LINK,
  PRESSED_WINDOW_BYTES,
} from "./limits.ts";
import { IdleAllowance } from "./idle-allowance.ts";
import { Liveness } from "./liveness.ts";
import { MemoryBudget } from "./memory-budget.ts";
import type { Drain, Hello, Open, Status, Welcome } from "./message.ts";
import { parseMessage, parseOpen } from "./message-check.ts";
import type { MuxHandler, MuxOptions } from "./mux-handler.ts";
import { MuxStream, type StreamOwner } from "./mux-stream.ts";
import { Outbox } from "./outbox.ts";
import { ReceiveWindow } from "./receive-window.ts";
import type { Stream, StreamHandler } from "./stream.ts";
import { StreamTable } from "./stream-table.ts";

/** Credits smaller than this, sent in masses, count as flooding. Bytes. */
const SMALL_CREDIT_BYTES = 1024;

/** Control frames that wait for a peer which sends and does not read; beyond, the link is ended (faults G5). Bytes. */
const MAX_QUEUED_CONTROL_BYTES = 16 * 1024 * 1024;

type Phase = "greeting" | "live" | "closed";

/** One side of one link, from its greeting to `close`, after which nothing is sent or heard. */
export class Mux implements StreamOwner, FrameSink {
  readonly opens: boolean;
  readonly #handler: MuxHandler;
  readonly #budget: MemoryBudget;
  readonly #reader = new FrameReader(this);
  readonly #outbox = new Outbox();
  readonly #streams = new StreamTable();
  readonly #idleFrames: IdleAllowance;
  #liveness: Liveness;
  #phase: Phase = "greeting";
  readonly #greetingEndsMs: number;
  #helloSeen = false;
  #lastStreamId = 0;
  #nowMs: number;

  constructor(options: MuxOptions) {
    this.opens = options.role === "orchestrator";
    this.#handler = options.handler;
    this.#nowMs = options.nowMs;
    this.#budget = new MemoryBudget(LINK_BUDGET_BYTES, options.budget);
    this.#liveness = new Liveness(options.heartbeatMs, this.opens, options.nowMs);
    this.#greetingEndsMs = options.nowMs + (options.helloTimeoutMs ?? HELLO_TIMEOUT_MS);
    this.#idleFrames = new IdleAllowance(options.nowMs);
  }

  get streams(): number {
    return this.#streams.size;
  }

  get rttMs(): number | undefined {
    return this.#liveness.rttMs;
  }

  /** When to call `tick` next. */
  get nextTimeoutMs(): number {
    if (this.#phase === "closed") return Number.POSITIVE_INFINITY;
    return this.#phase === "greeting" ? this.#greetingEndsMs : this.#liveness.nextTimeoutMs();
  }

  // ── greeting ──

  /** Agent: introduces itself; the first thing to do. */
  hello(hello: Hello): void {
    this.sendControl(encodeJsonFrame(FRAME.hello, 0, hello));
  }

  /** Orchestrator: accepts the agent; from now on streams may be opened. */
  welcome(welcome: Welcome): void {
    if (this.#phase !== "greeting") return;
    this.sendControl(encodeJsonFrame(FRAME.welcome, 0, welcome));
    this.#begin(welcome.heartbeatMs);
  }

  // ── work ──

  /** Orchestrator: opens a stream. @throws {ProxyError} agent_lost when not live, overloaded beyond the streams of a link */
  open(open: Open, handler: StreamHandler): Stream {
    if (this.#phase !== "live") {
      throw new ProxyError("agent_lost", "The agent's link is not open", { unsent: true });
    }
    if (this.#streams.size >= MAX_STREAMS_PER_LINK) {
      const message = `The agent's link already carries ${this.#streams.size} streams`;
      throw new ProxyError("overloaded", message, { unsent: true });
    }
    const windowBytes = this.#budget.pressed ? PRESSED_WINDOW_BYTES : INITIAL_WINDOW_BYTES;
    this.#lastStreamId += 1;
    const frame = encodeOpenFrame(this.#lastStreamId, windowBytes, open);
    const stream = this.#addStream(windowBytes, INITIAL_WINDOW_BYTES);
    stream.handler = handler;
    this.sendControl(frame);
    return stream;
  }

  /** This side takes no new streams. */
  drain(drain: Drain): void {
    if (this.#phase === "live") this.sendControl(encodeJsonFrame(FRAME.drain, 0, drain));
  }

  /** Agent: its own state has changed. */
  status(status: Status): void {
    if (this.#phase === "live") this.sendControl(encodeJsonFrame(FRAME.status, 0, status));
  }

  /** The carrier is gone: every open stream hears `error`. */
  close(error: ProxyError): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#outbox.clear();
    for (const stream of this.#streams.all()) this.#guard(stream, () => stream.lose(error));
  }

  // ── driven by the session ──

  /** Takes a message of the carrier, or the next piece of one; `isLast` with its end. */
  receive(piece: Uint8Array, isLast: boolean, nowMs: number): void {
    this.#nowMs = nowMs;
    this.#liveness.received(nowMs);
    try {
      this.#reader.push(piece, isLast);
    } catch (error) {
      const violation = error instanceof ProtocolViolation;
      if (!violation) this.#handler.onFault(error);
      const reason = violation ? error.message : "Something went wrong here";
      this.#break(violation ? CLOSE_CODES.protocolError : CLOSE_CODES.goingAway, reason);
    }
    this.#checkQueue();
  }

  /** Does what time asks for: pings, and the judgement that a peer is gone. */
  tick(nowMs: number): void {
    this.#nowMs = nowMs;
    if (this.#phase === "greeting" && nowMs >= this.#greetingEndsMs) {
      const awaited = this.opens ? "HELLO" : "WELCOME";
      this.#break(CLOSE_CODES.noHello, `No ${awaited} came in time`);
    }
    this.#checkQueue();
    if (this.#phase !== "live") return;
    if (this.#liveness.isDead(nowMs)) {
      this.#break(CLOSE_CODES.goingAway, "The peer has been silent for two heartbeats");
    } else if (this.#liveness.pingDue(nowMs)) {
      this.sendControl(encodePingFrame(this.#liveness.ping(nowMs)));
    }
  }

  /** The next message for the carrier, `undefined` when there is none. Once it is handed over: `tellSent`. */
  takeMessage(nowMs: number): OutgoingMessage | undefined {
    this.#nowMs = nowMs;
    this.#grantCredits();
    return this.#outbox.take();
  }

  /** Tells writers that there is room again, or that their stream is over: what they do then comes behind the message taken. */
  tellSent(): void {
    for (const stream of this.#streams.takeSentDue()) this.#guard(stream, () => stream.sent());
  }

  // ── what streams ask of their owner ──

  sendControl(frame: Uint8Array): void {
    if (this.#phase === "closed") return;
    this.#outbox.pushControl(frame);
    this.#handler.onOutput();
  }

  sendSoon(stream: MuxStream): void {
    this.#outbox.enqueue(stream);
    this.#handler.onOutput();
  }

  creditSoon(stream: MuxStream): void {
    if (this.#streams.addCreditDue(stream)) this.#handler.onOutput();
  }

  sentSoon(stream: MuxStream): void {
    this.#streams.addSentDue(stream);
  }

  hold(bytes: number): void {
    this.#budget.acquire(bytes);
  }

  release(bytes: number): void {
    this.#budget.release(bytes);
  }

  forget(stream: MuxStream, lateBytes: number): void {
    if (!this.#streams.remove(stream)) return;
    this.#idleFrames.expectLate(lateBytes);
    if (this.#streams.size === 0 && this.#phase === "live") this.#handler.onIdle();
  }

  // ── frames ──

  onControl(type: number, id: number, payload: Uint8Array): void {
    if (this.#phase === "closed") return;
    if (type >= FRAME.hello) this.#onLinkFrame(type, id, payload);
    else if (type === FRAME.open) this.#onOpen(id, payload);
    else this.#onStreamFrame(type, id, payload);
  }

  onData(id: number, piece: Uint8Array, ended: boolean): void {
    if (this.#phase === "closed") return;
    const stream = this.#streamOf(id, piece.length);
    if (stream === undefined || (piece.length === 0 && !ended && !this.#spendIdleFrame())) return;
    try {
      stream.receiveData(piece, ended);
    } catch (error) {
      this.#onHandlerError(stream, error);
    }
    if (this.#budget.exceeded) this.#endLargestBacklog();
  }

  #onLinkFrame(type: number, id: number, payload: Uint8Array): void {
    if (id !== 0) throw new ProtocolViolation("A frame about the link names a stream");
    if (type === FRAME.hello || type === FRAME.welcome) this.#onGreeting(type, payload);
    else if (this.#phase === "greeting") throw new ProtocolViolation("The greeting is not over");
    else this.#onLiveFrame(type, payload);
  }

  #onGreeting(type: number, payload: Uint8Array): void {
    const expected = this.opens ? FRAME.hello : FRAME.welcome;
    if (type !== expected || this.#helloSeen) throw new ProtocolViolation("An unexpected greeting");
    this.#helloSeen = true;
    const value = decodeJson(payload);
    if (this.opens) {
      this.#handler.onHello(parseMessage("hello", value));
      return;
    }
    const welcome = parseMessage("welcome", value);
    this.#begin(welcome.heartbeatMs);
    this.#handler.onWelcome(welcome);
  }

  #onLiveFrame(type: number, payload: Uint8Array): void {
    if (!this.#spendIdleFrame()) return;
    if (type === FRAME.drain) {
      this.#handler.onDrain(parseMessage("drain", decodeJson(payload)).reason);
      return;
    }
    if (type === FRAME.status) {
      if (!this.opens) throw new ProtocolViolation("Only agents send STATUS");
      this.#handler.onStatus(parseMessage("status", decodeJson(payload)));
      return;
    }
    if (payload.length !== PING_BYTES) throw new ProtocolViolation("A PING has the wrong length");
    if (type === FRAME.ping) this.sendControl(encodePongFrame(payload));
    else this.#liveness.pong(readUint32(payload, PING_BYTES - 4), this.#nowMs);
  }

  #onOpen(id: number, payload: Uint8Array): void {
    if (this.opens || this.#phase === "greeting") throw new ProtocolViolation("An unexpected OPEN");
    if (id <= this.#lastStreamId) throw new ProtocolViolation("A stream id is not new");
    if (this.#streams.size >= MAX_STREAMS_PER_LINK) throw new ProtocolViolation("Too many streams");
    const open = parseOpen(decodeJson(payload.subarray(4)));
    this.#lastStreamId = id;
    const stream = this.#addStream(INITIAL_WINDOW_BYTES, 0);
    stream.receiveCredit(readUint32(payload, 0));
    this.#guard(stream, () => {
      stream.handler = this.#handler.onOpen(stream, open);
    });
  }

  #onStreamFrame(type: number, id: number, payload: Uint8Array): void {
    const stream = this.#streamOf(id, payload.length);
    if (stream === undefined) return;
    if (type === FRAME.credit) this.#onCredit(stream, payload);
    else if (type === FRAME.abort) this.#guard(stream, () => stream.receiveAbort(payload));
    else this.#onAnswer(type, stream, payload);
  }

  /** The open stream a frame names; frames may cross with the end of theirs, those of one that never was may not. */
  #streamOf(id: number, bytes: number): MuxStream | undefined {
    if (this.#phase === "greeting") throw new ProtocolViolation("A stream before the greeting");
    const stream = this.#streams.get(id);
    if (stream !== undefined) return stream;
    if (id === 0 || id > this.#lastStreamId) {
      throw new ProtocolViolation("A frame of an unknown stream");
    }
    this.#allow(this.#idleFrames.takeLate(bytes, this.#nowMs));
    return undefined;
  }

  #onAnswer(type: number, stream: MuxStream, payload: Uint8Array): void {
    if (!this.opens) throw new ProtocolViolation("Only the agent answers a stream");
    const value = decodeJson(payload);
    if (type === FRAME.head) {
      const head = parseMessage("head", value);
      this.#guard(stream, () => stream.receiveHead(head));
    } else {
      const trailers = parseMessage("trailers", value);
      this.#guard(stream, () => stream.receiveEnd(trailers));
    }
  }

  #onCredit(stream: MuxStream, payload: Uint8Array): void {
    if (payload.length !== 4) throw new ProtocolViolation("A CREDIT frame has the wrong length");
    const bytes = readUint32(payload, 0);
    if (bytes < SMALL_CREDIT_BYTES && !this.#spendIdleFrame()) return;
    stream.receiveCredit(bytes);
  }

  // ── inside ──

  #begin(heartbeatMs: number): void {
    this.#phase = "live";
    this.#liveness = new Liveness(heartbeatMs, this.opens, this.#nowMs);
    this.#handler.onOutput();
  }

  #addStream(windowBytes: number, sendBytes: number): MuxStream {
    const window = new ReceiveWindow(windowBytes, this.#nowMs);
    const stream = new MuxStream(this.#lastStreamId, this, { sendBytes, window });
    this.#streams.add(stream);
    return stream;
  }

  #grantCredits(): void {
    const due = this.#streams.takeCreditsDue();
    if (due.length === 0) return;
    const link = { rttMs: this.#liveness.shortestRttMs, pressed: this.#budget.pressed };
    for (const stream of due) {
      const frame = stream.grant(this.#nowMs, link);
      if (frame !== undefined) this.#outbox.pushControl(frame);
    }
  }

  /** Faults F10: the process outlives any number of slow readers; the one that holds most pays. */
  #endLargestBacklog(): void {
    const victim = this.#streams.largestBacklog();
    if (victim === undefined) return;
    const error = new ProxyError("overloaded", "Too much data waits for this reader");
    this.#guard(victim, () => victim.fail(error));
  }

  /** Faults G5: frames that carry nothing are counted; beyond the allowance the link is ended. */
  #spendIdleFrame(): boolean {
    return this.#allow(this.#idleFrames.take(this.#nowMs));
  }

  #allow(isAllowed: boolean): boolean {
    if (!isAllowed) this.#break(CLOSE_CODES.flooding, "Too many frames that carry nothing");
    return isAllowed;
  }

  /** Faults G5: a peer that makes this side answer and does not read the answers. */
  #checkQueue(): void {
    if (this.#outbox.controlBytes <= MAX_QUEUED_CONTROL_BYTES) return;
    this.#break(CLOSE_CODES.flooding, "Too much waits to be read");
  }

  #guard(stream: MuxStream, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#onHandlerError(stream, error);
    }
  }

  #onHandlerError(stream: MuxStream, error: unknown): void {
    if (error instanceof ProtocolViolation) throw error;
    this.#handler.onFault(error);
    stream.abort("internal", "Something went wrong here");
  }

  #break(code: CloseCode, reason: string): void {
    if (this.#phase === "closed") return;
    this.#handler.onBroken(code, reason);
  }
}
