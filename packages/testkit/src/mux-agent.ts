/** A scripted agent of the mux profile: speaks the protocol as badly as a test wants. */
import {
  type Hello,
  type OpenHttp,
  MUX_SUBPROTOCOL,
  PROTOCOL_VERSION,
} from "@porchlight/protocol/message";
import { openAgentSocket, type AgentSocketOptions } from "./agent-socket.ts";
import { FrameSocket, frameJson } from "./frame-socket.ts";

/** How the agent comes in, and how it introduces itself. */
export interface MuxAgentOptions extends AgentSocketOptions {
  /** What differs from a good hello; `false`: none is sent. */
  readonly hello?: Partial<Hello> | false;
}

/** A job as it arrived in an OPEN frame. */
export interface OpenedJob {
  readonly streamId: number;
  readonly open: OpenHttp;
}

/** A connected agent that by itself answers pings only; leaving its scope cuts the connection. */
export class MuxAgent extends FrameSocket {
  /** Waits for the job number `count` (from 1). */
  async untilJob(count = 1, deadlineMs = 5_000): Promise<OpenedJob> {
    const frame = await this.untilFrame("open", count, deadlineMs);
    return { streamId: frame.streamId, open: frameJson(frame) as OpenHttp };
  }

  /** Answers a job's stream with a head; the body is to follow by `data`. */
  head(streamId: number, fields: Readonly<Record<string, unknown>> = {}): void {
    this.json("head", streamId, {
      kind: "http",
      status: 200,
      headers: [],
      url: "http://target.example/",
      redirects: 0,
      timings: { dnsMs: 0, connectMs: 0, tlsMs: 0, ttfbMs: 0 },
      ...fields,
    });
  }
}

/** A good hello; `fields` replace its parts. */
export function helloOf(fields: Partial<Hello> = {}): Hello {
  return {
    version: PROTOCOL_VERSION,
    agentVersion: "0.0.0-test",
    name: "scripted",
    os: "test",
    capabilities: [],
    maxConcurrency: 8,
    labels: {},
    policy: {},
    takeover: true,
    ...fields,
  };
}

/**
 * Connects a scripted agent of the mux profile and says hello.
 * @throws {Error} when the upgrade is refused.
 */
export async function connectMuxAgent(options: MuxAgentOptions): Promise<MuxAgent> {
  const socket = await openAgentSocket({ subprotocol: MUX_SUBPROTOCOL, ...options });
  const agent = new MuxAgent(socket);
  if (options.hello !== false) agent.json("hello", 0, helloOf(options.hello));
  return agent;
}
