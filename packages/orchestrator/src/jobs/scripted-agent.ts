/** An agent played by a test: its link records what it is asked, and the test answers through the listeners. */
import { ProxyError, type ErrorCode } from "@porchlight/protocol/errors";
import type { HttpHead, Labels, OpenHttp, OpenTcp, TcpHead } from "@porchlight/protocol/message";
import type {
  HttpExchange,
  HttpListener,
  Link,
  TunnelExchange,
  TunnelListener,
} from "../agents/link.ts";
import type { AgentRecord, Registry } from "../agents/registry.ts";

/** What both kinds of exchange record. */
class Recorded {
  consumedBytes = 0;
  aborted: { readonly code: ErrorCode; readonly reason: string } | undefined;

  /** Nobody has aborted it. */
  get running(): boolean {
    return this.aborted === undefined;
  }

  consume(bytes: number): void {
    this.consumedBytes += bytes;
  }

  abort(code: ErrorCode, reason: string): void {
    this.aborted ??= { code, reason };
  }
}

/** A job as the scripted agent sees it. */
export class ScriptedJob extends Recorded implements HttpExchange {
  readonly open: OpenHttp;
  readonly body: Uint8Array | undefined;
  readonly listener: HttpListener;

  constructor(open: OpenHttp, body: Uint8Array | undefined, listener: HttpListener) {
    super();
    this.open = open;
    this.body = body;
    this.listener = listener;
  }

  head(part: Partial<HttpHead> = {}): void {
    this.listener.onHead(httpHead({ url: this.open.url, ...part }));
  }

  /** Answers in full. */
  answer(body = "", part: Partial<HttpHead> = {}): void {
    this.head(part);
    if (body !== "") this.listener.onData(Buffer.from(body));
    this.listener.onEnd(undefined);
  }

  /** @param unsent the agent says that nothing has left for a target */
  fail(code: ErrorCode, unsent = false): void {
    this.listener.onError(new ProxyError(code, `Scripted ${code}`, { unsent }));
  }
}

/** A tunnel as the scripted agent sees it. */
export class ScriptedTunnel extends Recorded implements TunnelExchange {
  readonly open: OpenTcp;
  readonly listener: TunnelListener;
  readonly written: Uint8Array[] = [];
  /** Free bytes in front of what was written last. */
  roomInFront: number | undefined;
  ended = false;
  /** What `write` returns. */
  writable = true;

  constructor(open: OpenTcp, listener: TunnelListener) {
    super();
    this.open = open;
    this.listener = listener;
  }

  write(chunk: Uint8Array, roomBytes?: number): boolean {
    this.written.push(chunk);
    this.roomInFront = roomBytes;
    return this.writable;
  }

  end(): void {
    this.ended = true;
  }

  connect(): void {
    this.listener.onConnected(TCP_HEAD);
  }

  fail(code: ErrorCode): void {
    this.listener.onError(new ProxyError(code, `Scripted ${code}`));
  }
}

/** The link of a scripted agent; `jobs` and `tunnels` are in the order they were asked for. */
export class ScriptedLink implements Link {
  readonly profile = "mux";
  readonly rttMs = undefined;
  readonly lastSeenAtMs = 0;
  readonly id: string;
  readonly jobs: ScriptedJob[] = [];
  readonly tunnels: ScriptedTunnel[] = [];

  constructor(id: string) {
    this.id = id;
  }

  startHttp(open: OpenHttp, body: Uint8Array | undefined, listener: HttpListener): HttpExchange {
    const job = new ScriptedJob(open, body, listener);
    this.jobs.push(job);
    return job;
  }

  startTcp(open: OpenTcp, listener: TunnelListener): TunnelExchange {
    const tunnel = new ScriptedTunnel(open, listener);
    this.tunnels.push(tunnel);
    return tunnel;
  }

  drain(): void {}

  close(): void {}
}

/** A scripted agent and its record in the registry. */
export interface ScriptedAgent {
  readonly link: ScriptedLink;
  readonly record: AgentRecord;
}

interface AgentOptions {
  readonly maxConcurrency?: number;
  readonly labels?: Labels;
  readonly paused?: string;
  readonly ip?: string;
  /** Default `link_NAME`. */
  readonly linkId?: string;
}

/** Connects an agent called `name` to the registry. */
export function connectAgent(
  registry: Registry,
  name: string,
  options: AgentOptions = {},
): ScriptedAgent {
  const { maxConcurrency = 8, labels = {}, paused, ip = "203.0.113.7" } = options;
  const link = new ScriptedLink(options.linkId ?? `link_${name}`);
  const arrival = {
    keyId: "key_1",
    account: "home",
    name,
    ip,
    version: "1",
    os: "test",
    labels,
    maxConcurrency,
    takeover: true,
    paused,
  };
  const { record } = registry.register(arrival, link);
  if (record === undefined) throw new Error(`Agent ${name} was refused`);
  return { link, record };
}

/** A response head; 200 without headers unless told. */
export function httpHead(part: Partial<HttpHead>): HttpHead {
  const timings = { dnsMs: 1, connectMs: 2, tlsMs: 3, ttfbMs: 4 };
  return { kind: "http", status: 200, headers: [], url: "", redirects: 0, timings, ...part };
}

const TCP_HEAD: TcpHead = { kind: "tcp", address: "198.51.100.1", dnsMs: 1, connectMs: 2 };
