/** The carrier of the JSON profile: text messages over a WebSocket. */
import { closeWebSocket } from "@porchlight/runtime/open-websocket";
import type { RawData, WebSocket } from "ws";

/** Hears a text carrier; nothing comes after `onClose`. */
export interface TextSocketHandler {
  onText(text: string): void;
  /** A binary message, which this carrier has none of. */
  onBinary(): void;
  /** The peer lives: it has answered a probe. */
  onAlive(): void;
  /** The carrier is gone, once, whoever ended it. */
  onClose(code: number, reason: string): void;
}

/** One WebSocket of text messages, in order, in both directions. */
export interface TextSocket {
  /** Set once, in the tick the socket is handed out. */
  setHandler(handler: TextSocketHandler): void;
  /** Sends one message; nothing on a socket that is closing. */
  send(text: string): void;
  /** Asks the peer's WebSocket for a sign of life. */
  probe(): void;
  /** Says goodbye and ends the carrier; `onClose` follows within a bounded time. */
  close(code: number, reason: string): void;
  /** Ends the carrier now. */
  abort(): void;
}

/** A text socket over an open WebSocket, which must not be used otherwise from now on. */
export function textSocket(webSocket: WebSocket): TextSocket {
  return {
    setHandler: (handler) => listen(webSocket, handler),
    send: (text) => {
      if (webSocket.readyState === webSocket.OPEN) webSocket.send(text);
    },
    probe: () => {
      if (webSocket.readyState === webSocket.OPEN) webSocket.ping();
    },
    close: (code, reason) => closeWebSocket(webSocket, code, reason),
    abort: () => webSocket.terminate(),
  };
}

function listen(webSocket: WebSocket, handler: TextSocketHandler): void {
  webSocket.on("message", (data: RawData, isBinary: boolean) => {
    if (isBinary || !Buffer.isBuffer(data)) handler.onBinary();
    else handler.onText(data.toString());
  });
  webSocket.on("pong", () => handler.onAlive());
  webSocket.on("close", (code, reason) => handler.onClose(code, reason.toString()));
  // `close` follows every error; what it was is in the close code.
  webSocket.on("error", () => undefined);
}
