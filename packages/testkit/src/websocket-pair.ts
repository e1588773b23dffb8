import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";

/** Two ends of a real WebSocket on loopback, and what ends them. */
export interface WebSocketPair extends AsyncDisposable {
  readonly client: WebSocket;
  readonly server: WebSocket;
}

/** Connects a WebSocket to a server of its own. */
export async function connectWebSocketPair(): Promise<WebSocketPair> {
  const listener = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  await once(listener, "listening");
  const accepted = new Promise<WebSocket>((resolve) => {
    listener.once("connection", (webSocket) => resolve(webSocket));
  });
  const { port } = listener.address() as AddressInfo;
  const client = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
  await once(client, "open");
  const server = await accepted;
  return {
    client,
    server,
    async [Symbol.asyncDispose]() {
      client.terminate();
      server.terminate();
      await new Promise((resolve) => {
        listener.close(resolve);
      });
    },
  };
}
