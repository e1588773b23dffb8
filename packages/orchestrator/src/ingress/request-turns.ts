import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Requests of one connection under way at most, those that wait included; more end it. */
const MAX_UNDER_WAY = 100;

/**
 * Requests that came one behind the other on a connection (pipelined) are sent on one after the other: their answers
 * have to be in order anyway, and one that waits for its turn holds no exit. Source: RFC 9112 §9.3.2.
 */
export class RequestTurns {
  readonly #underWay = new WeakMap<Socket, number>();

  /** Calls `start` once the answers before this one are complete; never when the client goes before. */
  take(response: ServerResponse, start: () => void): void {
    const { socket } = response.req;
    const underWay = this.#count(socket, 1);
    response.once("close", () => this.#count(socket, -1));
    // Node gives a response its connection when those before it have ended.
    if (response.socket !== null) start();
    else if (underWay > MAX_UNDER_WAY) socket.destroy();
    else response.once("socket", start);
  }

  /** Whether a request of this connection is under way. */
  isBusy(socket: Socket): boolean {
    return this.#count(socket, 0) > 0;
  }

  #count(socket: Socket, change: number): number {
    const count = (this.#underWay.get(socket) ?? 0) + change;
    this.#underWay.set(socket, count);
    return count;
  }
}
