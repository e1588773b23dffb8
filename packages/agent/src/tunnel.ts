/** A tunnel: connects to a host and port, then passes bytes both ways. */
import { ProxyError } from "@porchlight/protocol/errors";
import type { OpenTcp } from "@porchlight/protocol/message";
import type { Stream } from "@porchlight/protocol/stream";
import { ChunkQueue } from "@porchlight/runtime/chunk-queue";
import { Splice, type SpliceResult } from "@porchlight/runtime/splice";
import { type TargetPolicy, judgeHost } from "@porchlight/runtime/target-policy";
import {
  type ConnectAttempt,
  type Connected,
  KEEP_ALIVE_DELAY_MS,
  type Target,
  startConnect,
} from "./connector.ts";
import { type LineBytes, bytesOnLine } from "./line-bytes.ts";
import type { OnWorkEnded, Work, WorkResult } from "./work.ts";

/** What a tunnel needs of the agent. */
export interface TunnelTools {
  readonly policy: () => TargetPolicy;
  readonly onEnded: OnWorkEnded;
}

/** One `tcp` stream at work. */
export class Tunnel implements Work {
  readonly #stream: Stream;
  readonly #open: OpenTcp;
  readonly #tools: TunnelTools;
  #attempt: ConnectAttempt | undefined;
  #connected: Connected | undefined;
  #splice: Splice | undefined;
  /** What came before the connection stood; bounded by the stream's window. */
  readonly #early = new ChunkQueue();
  #endedEarly = false;
  #ended = false;

  constructor(stream: Stream, open: OpenTcp, tools: TunnelTools) {
    this.#stream = stream;
    this.#open = open;
    this.#tools = tools;
  }

  start(): void {
    const { host, port, connectTimeoutMs } = this.#open;
    const policy = this.#tools.policy();
    const refusal = judgeHost(host, port, policy);
    if (refusal !== undefined) {
      this.abort(refusal);
      return;
    }
    this.#attempt = startConnect(targetOf(host, port), {
      policy,
      forTunnel: true,
      ...(connectTimeoutMs === undefined ? {} : { timeoutMs: connectTimeoutMs }),
    });
    this.#attempt.connected.then(
      (connected) => this.#onConnected(connected),
      (error: unknown) => this.abort(ProxyError.from(error)),
    );
  }

  get bytes(): LineBytes {
    return bytesOnLine(this.#connected?.carrier);
  }

  /** From now on the kernel asks whether the target is still there. */
  onLasting(): void {
    this.#connected?.socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
  }

  abort(error: ProxyError): void {
    this.#attempt?.abort(error);
    if (this.#splice !== undefined) {
      this.#splice.abort(error.code, error.message);
    } else if (this.#finish({ outcome: error.code, error })) {
      this.#stream.abort(error.code, error.message, true);
    }
  }

  // ── what the stream says ──

  readonly borrows = true;

  onHead(): void {
    // Only the side that opens a stream hears a head.
  }

  onData(chunk: Uint8Array): void {
    if (this.#splice === undefined) this.#early.push(chunk);
    else this.#splice.onData(chunk);
  }

  onEnd(): void {
    if (this.#splice === undefined) this.#endedEarly = true;
    else this.#splice.onEnd();
  }

  onDrain(): void {
    this.#splice?.onDrain();
  }

  onError(error: ProxyError): void {
    this.#attempt?.abort(error);
    if (this.#splice !== undefined) this.#splice.onError(error);
    else this.#finish({ outcome: error.code, error });
  }

  // ── inside ──

  #onConnected(connected: Connected): void {
    this.#attempt = undefined;
    if (this.#ended) {
      connected.socket.destroy();
      return;
    }
    this.#connected = connected;
    const { dnsMs, connectMs } = connected.timings;
    this.#stream.head({ kind: "tcp", address: connected.address, dnsMs, connectMs });
    const splice = new Splice({
      socket: connected.socket,
      ...(connected.reads === undefined ? {} : { reads: connected.reads }),
      stream: this.#stream,
      early: this.#early,
      onEnd: (result) => this.#onSpliceEnd(result),
    });
    this.#splice = splice;
    if (this.#endedEarly) splice.onEnd();
  }

  #onSpliceEnd({ error }: SpliceResult): void {
    this.#finish(error === undefined ? { outcome: "completed" } : { outcome: error.code, error });
  }

  /** `false` when it had ended before. */
  #finish(result: WorkResult): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    // A splice that began has taken them over.
    this.#early.clear();
    this.#tools.onEnded(result);
    return true;
  }
}

function targetOf(host: string, port: number): Target {
  return { host: host.startsWith("[") ? host.slice(1, -1) : host, port, secure: false };
}
