import type { Socket } from "node:net";
import type { ProxyError } from "@porchlight/protocol/errors";
import type { Attempt } from "@porchlight/protocol/job";
import { jobHeaders } from "../http/answer-headers.ts";
import type { OpenedTunnel } from "../tunnels/tunnel-request.ts";
import { sendProxyErrorOnSocket } from "./proxy-error.ts";
import type { TunnelAnswers } from "./tunnel-client.ts";

/** What a request for a tunnel goes by in answers and logs. */
export interface TunnelIds {
  readonly requestId: string;
  readonly jobId: string;
}

/** The answers to CONNECT. */
export class ConnectAnswers implements TunnelAnswers {
  readonly #socket: Socket;
  readonly #ids: TunnelIds;

  constructor(socket: Socket, ids: TunnelIds) {
    this.#socket = socket;
    this.#ids = ids;
  }

  opened({ attempts, session }: OpenedTunnel): string {
    const { requestId, jobId } = this.#ids;
    const headers = {
      "X-Request-Id": requestId,
      ...jobHeaders({ jobId, attempts, session }),
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    return `HTTP/1.1 200 Connection Established\r\n${lines.join("")}\r\n`;
  }

  refuse(error: ProxyError, attempts: readonly Attempt[]): void {
    sendProxyErrorOnSocket(this.#socket, error, { ...this.#ids, attempts });
  }
}
