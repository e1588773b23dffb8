/** Two sessions over a simulated line on a virtual clock, and what their users hear. */
import assert from "node:assert/strict";
import type { ProxyError } from "@porchlight/protocol/errors";
import type { MemoryBudget } from "@porchlight/protocol/memory-budget";
import type {
  Head,
  Hello,
  Open,
  OpenTcp,
  Status,
  TcpHead,
  Trailers,
} from "@porchlight/protocol/message";
import type { Stream, StreamHandler } from "@porchlight/protocol/stream";
import { createMuxSession } from "@porchlight/runtime/mux-session";
import type { Session, SessionHandler } from "@porchlight/runtime/session";
import { simulatedLink, type SimulatedLineOptions } from "./simulated-link.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** How an agent introduces itself. */
export const HELLO: Hello = {
  version: 1,
  agentVersion: "0.1.0",
  name: "attic",
  os: "linux",
  capabilities: ["tcp", "http"],
  maxConcurrency: 8,
  labels: {},
  policy: {},
  takeover: true,
};

/** A tunnel to open. */
export const OPEN: OpenTcp = { kind: "tcp", jobId: "job_1", host: "example.com", port: 443 };
/** Its answer. */
export const HEAD: TcpHead = { kind: "tcp", address: "203.0.113.1", dnsMs: 1, connectMs: 2 };
/** Of every pair. */
export const HEARTBEAT_MS = 1000;

/** Notes what a stream's user hears. */
export class Heard implements StreamHandler {
  borrows = false;
  head: Head | undefined;
  bytes = 0;
  readonly chunks: Uint8Array[] = [];
  ended = false;
  trailers: Trailers | undefined;
  drains = 0;
  overs = 0;
  error: ProxyError | undefined;
  /** What to do with each chunk. */
  onChunk: (chunk: Uint8Array) => void = () => undefined;

  get failed(): boolean {
    return this.error !== undefined;
  }
  onHead(head: Head): void {
    assert.equal(this.error, undefined);
    this.head = head;
  }
  onData(chunk: Uint8Array): void {
    assert.equal(this.ended, false, "data after the end");
    assert.equal(this.error, undefined, "data after an error");
    this.bytes += chunk.length;
    this.chunks.push(chunk);
    this.onChunk(chunk);
  }
  onEnd(trailers: Trailers | undefined): void {
    assert.equal(this.ended, false, "a second end");
    this.ended = true;
    this.trailers = trailers;
  }
  onDrain(): void {
    this.drains++;
  }
  onOver(): void {
    this.overs++;
  }
  onError(error: ProxyError): void {
    assert.equal(this.error, undefined, "a second error");
    this.error = error;
  }
}

/** The two sides, and everything they heard. */
export interface Pair {
  readonly clock: VirtualClock;
  readonly link: ReturnType<typeof simulatedLink>;
  readonly orchestrator: Session;
  readonly agent: Session;
  /** Streams as the agent got them, in order. */
  readonly accepted: { stream: Stream; open: Open; heard: Heard }[];
  readonly closes: { side: string; code: number; reason: string; atMs: number }[];
  readonly drains: string[];
  readonly statuses: Status[];
  readonly faults: unknown[];
}

/** Line, memory, and what the agent does with a new stream. */
export interface PairOptions extends SimulatedLineOptions {
  readonly budget?: MemoryBudget;
  readonly onOpen?: (stream: Stream, heard: Heard) => void;
  /** Does not greet, so that a test can. */
  readonly silent?: boolean;
}

/** Connects two sessions; they have greeted when this returns. */
export function startPair(options: PairOptions = {}): Pair {
  const clock = new VirtualClock();
  const link = simulatedLink(clock, options);
  const accepted: Pair["accepted"] = [];
  const closes: Pair["closes"] = [];
  const drains: string[] = [];
  const statuses: Status[] = [];
  const faults: unknown[] = [];
  const onFault = (error: unknown) => faults.push(error);
  const common = { clock, onFault, ...(options.budget ? { budget: options.budget } : {}) };
  const onClose = (side: string) => (code: number, reason: string) =>
    void closes.push({ side, code, reason, atMs: clock.nowMs });
  const orchestratorHandler: SessionHandler = {
    onHello: () =>
      orchestrator.welcome({
        version: 1,
        agentId: "agent_1",
        linkId: "link_1",
        heartbeatMs: HEARTBEAT_MS,
      }),
    onStatus: (status) => void statuses.push(status),
    onDrain: (reason) => void drains.push(reason),
    onClose: onClose("orchestrator"),
  };
  const agentHandler: SessionHandler = {
    onOpen(stream, open) {
      const heard = new Heard();
      accepted.push({ stream, open, heard });
      options.onOpen?.(stream, heard);
      return heard;
    },
    onDrain: (reason) => void drains.push(reason),
    onClose: onClose("agent"),
  };
  const orchestrator = createMuxSession({
    role: "orchestrator",
    transport: link.a,
    handler: orchestratorHandler,
    ...common,
  });
  const agent = createMuxSession({
    role: "agent",
    transport: link.b,
    handler: agentHandler,
    ...(options.silent ? {} : { hello: HELLO }),
    ...common,
  });
  if (!options.silent) clock.advance(4 * (options.latencyMs ?? 0) + 10);
  return { clock, link, orchestrator, agent, accepted, closes, drains, statuses, faults };
}

/** Writes `bytes` in pieces, waiting for room. */
export function pour(
  stream: Stream,
  heard: Heard,
  options: { bytes: number; pieceBytes: number },
): void {
  let left = options.bytes;
  const go = () => {
    while (left > 0) {
      const size = Math.min(left, options.pieceBytes);
      left -= size;
      if (!stream.write(new Uint8Array(size).fill(left & 0xff))) return;
    }
    stream.end();
  };
  heard.onDrain = go;
  go();
}
