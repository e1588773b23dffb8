/** A client that asks to become a WebSocket: its connection is bare, and passes bytes once the target agrees (faults P12). */
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { watchHeld } from "@porchlight/runtime/held-sockets";
import { readBlocks } from "@porchlight/runtime/read-blocks";
import { resetSocket } from "@porchlight/runtime/reset-socket";
import { Splice } from "@porchlight/runtime/splice";
import type { ProxyError } from "@porchlight/protocol/errors";
import type { TunnelExchange } from "../agents/link.ts";
import { STALLED_READER_MS } from "../http/answer.ts";
import type { UnreadBytes } from "../tunnels/tunnel-socket.ts";
import type { AnswerHead, ForwardClient } from "./forward-client.ts";
import { clientHeaders, switchHeaders } from "./forward-headers.ts";
import { sendProxyErrorOnSocket, type ProxyErrorContext } from "./proxy-error.ts";

/** What there is of a tunnel once the target has changed protocols. */
export interface SwitchedTunnel {
  readonly exchange: TunnelExchange;
  /** Came right behind the head. */
  readonly early: Uint8Array;
  readonly unread: UnreadBytes;
}

/** A client on a bare connection; an answer other than 101 ends with the connection. */
export class UpgradeClient implements ForwardClient {
  readonly sink: Socket;
  /** Sent before the target had agreed. */
  readonly #early: Uint8Array[];

  constructor(socket: Socket, head: Uint8Array) {
    this.sink = socket;
    this.#early = [head];
    // Its close tells as much.
    socket.on("error", ignore);
    // Only one that is read tells of its end; what comes before the answer waits.
    socket.on("data", this.#hold);
    socket.once("end", this.#onEnd);
  }

  interim(status: number, headers: readonly string[]): void {
    const kept = clientHeaders({ status, headers, takesTrailers: false });
    this.#writeHead(status, STATUS_CODES[status] ?? "", kept);
  }

  begin({ status, message, headers, added }: AnswerHead): void {
    const kept = clientHeaders({ status, headers, takesTrailers: false });
    const ours = { ...added, Connection: "close" };
    this.#writeHead(status, message, [...kept, ...Object.entries(ours).flat()]);
  }

  end(): void {
    this.sink.end();
    this.sink.resume();
    this.sink.setTimeout(STALLED_READER_MS, () => this.sink.destroy());
  }

  fail(error: ProxyError, context: ProxyErrorContext): void {
    sendProxyErrorOnSocket(this.sink, error, context);
  }

  cut(): void {
    resetSocket(this.sink);
  }

  /** Answers 101 and joins the connection with the tunnel; whoever hears of the tunnel tells the splice. */
  join({ status, message, headers, added }: AnswerHead, tunnel: SwitchedTunnel): Splice {
    const { exchange, early, unread } = tunnel;
    this.sink.off("data", this.#hold);
    this.sink.off("end", this.#onEnd);
    this.#writeHead(status, message, [...switchHeaders(headers), ...Object.entries(added).flat()]);
    this.sink.write(early);
    for (const chunk of unread.paid) this.sink.write(chunk);
    for (const chunk of this.#early) exchange.write(chunk);
    const splice = new Splice({
      socket: this.sink,
      stream: exchange,
      onEnd: ignore,
      endsOnReset: true,
    });
    for (const chunk of unread.owed) {
      splice.onData(chunk);
      readBlocks.drop(chunk);
    }
    if (unread.hasEnded) splice.onEnd();
    this.sink.resume();
    return splice;
  }

  #writeHead(status: number, message: string, headers: readonly string[]): void {
    let head = `HTTP/1.1 ${status} ${message}\r\n`;
    for (let index = 0; index < headers.length; index += 2) {
      head += `${headers[index]}: ${headers[index + 1]}\r\n`;
    }
    this.sink.write(`${head}\r\n`, "latin1");
  }

  readonly #hold = (chunk: Uint8Array): void => {
    this.#early.push(chunk);
    this.sink.pause();
    watchHeld(this.sink, () => this.sink.isPaused());
  };

  readonly #onEnd = (): void => {
    this.sink.destroy();
  };
}

function ignore(): void {
  // Nothing to do.
}
