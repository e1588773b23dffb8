import { once } from "node:events";
import { WebSocket } from "ws";
import { until, within } from "./until.ts";

/** Where to knock, with which key and in which profile. */
export interface AgentSocketOptions {
  /** Like `ws://127.0.0.1:8080`; `/agent` is added when there is no path. */
  readonly url: string;
  /** Sent as `Authorization: Bearer`; no key: no such header. */
  readonly key?: string;
  /** None selects the JSON profile. */
  readonly subprotocol?: string;
  readonly ca?: string;
  /** Offer permessage-deflate (faults G16). Default false. */
  readonly offerCompression?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  /** Answers the WebSocket's own pings; default true. */
  readonly autoPong?: boolean;
}

/** How a WebSocket ended. */
export interface SocketEnd {
  readonly code: number;
  readonly reason: string;
}

/** The carrier of a scripted agent: sends whatever a test wants, keeps whatever comes. */
export class AgentSocket implements Disposable {
  readonly ws: WebSocket;
  readonly messages: Buffer[] = [];
  /** Set when the WebSocket is closed. */
  end: SocketEnd | undefined;
  readonly #listeners: ((message: Buffer, isBinary: boolean) => void)[] = [];

  constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on("message", (data: Buffer, isBinary) => {
      this.messages.push(data);
      for (const listener of this.#listeners) listener(data, isBinary);
    });
    ws.on("close", (code, reason) => (this.end = { code, reason: reason.toString() }));
    ws.on("error", () => undefined);
  }

  onMessage(listener: (message: Buffer, isBinary: boolean) => void): void {
    this.#listeners.push(listener);
  }

  send(message: Uint8Array | string): void {
    this.ws.send(message);
  }

  /** Waits until the WebSocket is closed. */
  untilEnd(deadlineMs = 5_000): Promise<SocketEnd> {
    return until("the WebSocket to be closed", () => this.end, deadlineMs);
  }

  /** Ends the connection without a goodbye. */
  [Symbol.dispose](): void {
    this.ws.terminate();
  }
}

/**
 * Opens the WebSocket of an agent.
 * @throws {Error} `Unexpected server response: 401` and the like when the upgrade is refused.
 */
export async function openAgentSocket(options: AgentSocketOptions): Promise<AgentSocket> {
  const url = new URL(options.url);
  if (url.pathname === "/") url.pathname = "/agent";
  const ws = new WebSocket(url, options.subprotocol === undefined ? [] : [options.subprotocol], {
    perMessageDeflate: options.offerCompression ?? false,
    autoPong: options.autoPong ?? true,
    headers: {
      ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }),
      ...options.headers,
    },
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  });
  const socket = new AgentSocket(ws);
  await within("the WebSocket to open", once(ws, "open"));
  return socket;
}
