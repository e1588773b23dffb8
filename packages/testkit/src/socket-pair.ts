/** Two ends of a TCP connection over loopback. */
import { once } from "node:events";
import net, { type ServerOpts, type Socket } from "node:net";
import { listenOnLoopback } from "./listen.ts";

/** Closes both ends when disposed. */
export interface SocketPair extends AsyncDisposable {
  /** The end of the server. */
  readonly accepted: Socket;
  /** The end that has dialled; its errors are of no interest. */
  readonly dialled: Socket;
}

/** Connects a pair; by default either end may end alone. */
export async function socketPair(
  options: ServerOpts = { allowHalfOpen: true },
): Promise<SocketPair> {
  const { allowHalfOpen = false } = options;
  const server = net.createServer(options);
  const port = await listenOnLoopback(server);
  const connection = once(server, "connection") as Promise<[Socket]>;
  const dialled = net.connect({ port, host: "127.0.0.1", allowHalfOpen });
  dialled.on("error", () => undefined);
  const [accepted] = await connection;
  return {
    accepted,
    dialled,
    async [Symbol.asyncDispose]() {
      accepted.destroy();
      dialled.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
