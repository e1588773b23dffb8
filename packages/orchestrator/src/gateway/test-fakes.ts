/** Hand-written fakes for the tests of this room. */
import type { ErrorCode, ProxyError } from "@porchlight/protocol/errors";
import type {
  Hello,
  HttpHead,
  Open,
  OpenHttp,
  TcpHead,
  Welcome,
} from "@porchlight/protocol/message";
import type { Stream, StreamHandler } from "@porchlight/protocol/stream";
import type { Session, SessionHandler } from "@porchlight/runtime/session";
import { VirtualClock } from "@porchlight/testkit/virtual-clock";
import type { HttpListener, TunnelListener } from "../agents/link.ts";
import { Registry } from "../agents/registry.ts";
import { createGatewayCounters } from "./counters.ts";
import type { GatewayContext, GatewayLogger, Visitor } from "./gateway-context.ts";
import { JobOwners } from "./job-owners.ts";
import type { TextSocket, TextSocketHandler } from "./text-socket.ts";

/** Ping interval of every link under test. Milliseconds. */
export const HEARTBEAT_MS = 1_000;

/** An agent that has shown its key. */
export const VISITOR: Visitor = {
  principal: { keyId: "key_1", account: "key_1", name: "laptop", role: "agent" },
  ip: "203.0.113.7",
};

/** A good hello; four jobs at a time. */
export const HELLO: Hello = {
  version: 1,
  agentVersion: "1.0.0",
  name: "home",
  os: "linux",
  capabilities: [],
  maxConcurrency: 4,
  labels: {},
  policy: {},
  takeover: true,
};

/** A job of one second without a body. */
export const OPEN: OpenHttp = {
  kind: "http",
  jobId: "job_1",
  account: "key_9",
  method: "GET",
  url: "https://example.com/",
  headers: [],
  bodyBytes: 0,
  timeoutMs: 1_000,
  followRedirects: true,
  maxRedirects: 10,
};

/** A good answer to it, without headers. */
export const HEAD: HttpHead = {
  kind: "http",
  status: 200,
  headers: [],
  url: "https://example.com/",
  redirects: 0,
  timings: { dnsMs: 0, connectMs: 0, tlsMs: 0, ttfbMs: 0 },
};

/** One line of a log: fields and sentence. */
export type LogLine = readonly [fields: Readonly<Record<string, unknown>>, sentence: string];

/** A context on a clock that only the test moves. */
export function fakeContext() {
  const clock = new VirtualClock();
  const lines: LogLine[] = [];
  const note = (...line: unknown[]): void => void lines.push(line as unknown as LogLine);
  const logger: GatewayLogger = { info: note, warn: note, error: note };
  const context: GatewayContext = {
    registry: new Registry({ monotonicNow: () => clock.nowMs }),
    jobs: new JobOwners(),
    counters: createGatewayCounters(),
    logger,
    clock,
    heartbeatMs: HEARTBEAT_MS,
    maxBodyBytes: 1_000_000,
  };
  return { context, clock, lines };
}

/** Notes what a stream is asked to do. */
export class FakeStream implements Stream {
  readonly id = 1;
  readonly writes: Uint8Array[] = [];
  /** Free bytes in front of what was written last. */
  roomInFront: number | undefined;
  /** `write` gives `false` once so many writes have been taken. */
  room: number;
  ended = false;
  aborted: ErrorCode | undefined;
  consumed = 0;

  constructor(room: number) {
    this.room = room;
  }

  head(): void {}
  write(chunk: Uint8Array, roomBytes?: number): boolean {
    this.writes.push(chunk);
    this.roomInFront = roomBytes;
    return --this.room > 0;
  }
  end(): void {
    this.ended = true;
  }
  abort(code: ErrorCode): void {
    this.aborted = code;
  }
  consume(bytes: number): void {
    this.consumed += bytes;
  }
}

/** A session whose peer is the test: `handler` is the link's, `opened` what the link has opened. */
export class FakeSession implements Session {
  readonly streams = 0;
  rttMs: number | undefined;
  lastSeenAtMs = 0;
  /** Writes each new stream takes before it asks to wait. */
  room = Number.POSITIVE_INFINITY;
  readonly opened: { open: Open; handler: StreamHandler; stream: FakeStream }[] = [];
  readonly welcomes: Welcome[] = [];
  readonly drains: string[] = [];
  closed: { code: number; reason: string; error: ErrorCode | undefined } | undefined;
  readonly handler: SessionHandler;

  constructor(handler: SessionHandler) {
    this.handler = handler;
  }

  open(open: Open, handler: StreamHandler): Stream {
    const stream = new FakeStream(this.room);
    this.opened.push({ open, handler, stream });
    return stream;
  }
  welcome(welcome: Welcome): void {
    this.welcomes.push(welcome);
  }
  status(): void {}
  drain(reason: string): void {
    this.drains.push(reason);
  }
  close(code: number, reason: string, error?: ErrorCode): void {
    this.closed ??= { code, reason, error };
  }
}

/** A carrier of text whose other end is the test. */
export class FakeTextSocket implements TextSocket {
  handler: TextSocketHandler | undefined;
  readonly sent: Record<string, unknown>[] = [];
  probes = 0;
  closed: { code: number; reason: string } | undefined;
  aborted = false;

  /** Code of the goodbye; `undefined` while the carrier is open. */
  closeCode(): number | undefined {
    return this.closed?.code;
  }
  setHandler(handler: TextSocketHandler): void {
    this.handler = handler;
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  probe(): void {
    this.probes++;
  }
  close(code: number, reason: string): void {
    this.closed ??= { code, reason };
  }
  abort(): void {
    this.aborted = true;
  }
  /** The agent says something. */
  receive(message: unknown): void {
    this.handler?.onText(typeof message === "string" ? message : JSON.stringify(message));
  }
}

/** Notes what a job's listener hears. */
export class HeardHttp implements HttpListener {
  head: HttpHead | undefined;
  readonly chunks: Uint8Array[] = [];
  ended = 0;
  error: ProxyError | undefined;
  /** What to do with each chunk. */
  onChunk: (chunk: Uint8Array) => void = () => undefined;

  onHead(head: HttpHead): void {
    this.head = head;
  }
  onData(chunk: Uint8Array): void {
    this.chunks.push(chunk);
    this.onChunk(chunk);
  }
  onEnd(): void {
    this.ended++;
  }
  onError(error: ProxyError): void {
    this.error = error;
  }
  /** Nothing has been heard. */
  get silent(): boolean {
    return !this.head && !this.error && this.chunks.length + this.ended === 0;
  }
  get bytes(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }
}

/** Notes what a tunnel's listener hears. */
export class HeardTunnel implements TunnelListener {
  head: TcpHead | undefined;
  readonly events: string[] = [];
  error: ProxyError | undefined;

  onConnected(head: TcpHead): void {
    this.head = head;
  }
  onData(chunk: Uint8Array): void {
    this.events.push(`data ${chunk.length}`);
  }
  onEnd(): void {
    this.events.push("end");
  }
  onDrain(): void {
    this.events.push("drain");
  }
  onOver(): void {
    this.events.push("over");
  }
  onError(error: ProxyError): void {
    this.error = error;
  }
}
