/** A port where a connection is neither made nor refused, like behind a firewall that drops: for connect timeouts. */
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Program } from "./program.ts";

/** Listens with the smallest queue, and is stopped before it takes anything. */
const SCRIPT = `
  const server = require("node:net").createServer();
  server.listen({ host: "127.0.0.1", port: 0, backlog: 1 }, () => console.log("port " + server.address().port));
`;

/** More than the kernel queues for that listener. */
const FILLING = 8;

/** How long the kernel takes to queue them. Milliseconds. */
const FILLED_MS = 200;

/** The port; leaving its scope frees it. */
export interface StalledListener extends Disposable {
  readonly port: number;
}

/** Stops a listener and fills its queue, so that the kernel answers no more SYN. Linux only. */
export async function startStalledListener(): Promise<StalledListener> {
  const program = new Program({ name: "stalled listener", args: ["-e", SCRIPT] });
  await program.ready(/^port \d/);
  const port = Number(/port (\d+)/.exec(program.logs.text)?.[1]);
  program.kill("SIGSTOP");
  const filling = Array.from({ length: FILLING }, () => fill(port));
  await delay(FILLED_MS);
  return {
    port,
    [Symbol.dispose]: () => {
      for (const socket of filling) socket.destroy();
      program.kill("SIGKILL");
    },
  };
}

function fill(port: number): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  return socket;
}
