/**
 * A TCP relay that can do to a connection what networks do: stop forwarding and keep the sockets open,
 * delay, narrow, corrupt, end and reset. `up` is from who connects to it towards the target.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { resetSocket } from "@porchlight/runtime/reset-socket";
import { Pump, type LineQuality } from "./pump.ts";
import { listenOnLoopback } from "./listen.ts";

/** `up` is towards the target, `down` is back. */
export type RelayDirection = "up" | "down";

/** Where the relay leads, and how good its line is at first. */
export interface RelayOptions extends LineQuality {
  /** Loopback port it forwards to. */
  readonly targetPort: number;
  /** Says in the first HTTP request of each connection that it comes from this address, as a proxy does. */
  readonly forwardedFor?: string;
}

interface Pair {
  readonly client: Socket;
  readonly target: Socket;
  readonly up: Pump;
  readonly down: Pump;
}

/** Starts a relay on any free loopback port; `quality` may be changed at any time. */
export async function startFaultRelay(options: RelayOptions): Promise<FaultRelay> {
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  const relay = new FaultRelay(server, options);
  await listenOnLoopback(server);
  return relay;
}

/** A listening relay; faults apply to all its connections, at once. */
export class FaultRelay implements AsyncDisposable {
  /** Connections accepted since the start. */
  accepted = 0;
  /** Refuse new connections (by a reset right after accepting). */
  refusing = false;
  readonly quality: { -readonly [K in keyof LineQuality]: LineQuality[K] };
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #forwardedFor: string | undefined;
  readonly #pairs = new Set<Pair>();
  readonly #paused = new Set<RelayDirection>();

  constructor(server: Server, options: RelayOptions) {
    this.#server = server;
    this.#targetPort = options.targetPort;
    this.#forwardedFor = options.forwardedFor;
    this.quality = {
      latencyMs: options.latencyMs ?? 0,
      bytesPerSecond: options.bytesPerSecond ?? 0,
    };
    server.on("connection", (client) => this.#accept(client));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections open now. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Stops forwarding, sockets stay open: a dead line as its ends see it. New connections are held likewise. */
  pause(...directions: RelayDirection[]): void {
    for (const direction of bothUnless(directions)) {
      this.#paused.add(direction);
      for (const pair of this.#pairs) pair[direction].pause();
    }
  }

  /** Forwards again, first what has been waiting. */
  resume(...directions: RelayDirection[]): void {
    for (const direction of bothUnless(directions)) {
      this.#paused.delete(direction);
      for (const pair of this.#pairs) pair[direction].resume();
    }
    if (this.#paused.size > 0) return;
    for (const { client, target } of this.#pairs) {
      if (client.destroyed) resetSocket(target);
      if (target.destroyed) resetSocket(client);
    }
  }

  /** Flips a bit in the next bytes of every connection. */
  corrupt(direction: RelayDirection): void {
    for (const pair of this.#pairs) pair[direction].corruptNext = true;
  }

  /** Resets every connection on both sides. */
  reset(): void {
    for (const { client, target } of this.#pairs) {
      resetSocket(client);
      resetSocket(target);
    }
  }

  /** Ends every connection on both sides in good order. */
  finish(): void {
    for (const { client, target } of this.#pairs) {
      client.end();
      target.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const { client, target } of this.#pairs) {
      client.destroy();
      target.destroy();
    }
  }

  #accept(client: Socket): void {
    this.accepted++;
    if (this.refusing) return resetSocket(client);
    const target = connect({
      host: "127.0.0.1",
      port: this.#targetPort,
      allowHalfOpen: true,
      noDelay: true,
    });
    const pair: Pair = {
      client,
      target,
      up: new Pump(client, target, this.quality),
      down: new Pump(target, client, this.quality),
    };
    if (this.#forwardedFor !== undefined) {
      pair.up.insertHeader(`X-Forwarded-For: ${this.#forwardedFor}`);
    }
    this.#pairs.add(pair);
    for (const direction of this.#paused) pair[direction].pause();
    this.#tie(pair, client, target);
    this.#tie(pair, target, client);
  }

  /** When one side is gone the other goes too, unless the line is dead: then nobody hears of it. */
  #tie(pair: Pair, one: Socket, other: Socket): void {
    one.on("error", () => {
      if (this.#paused.size === 0) resetSocket(other);
    });
    one.on("close", () => {
      if (one.destroyed && other.destroyed) this.#pairs.delete(pair);
      else if (this.#paused.size === 0 && one.errored === null) other.end();
    });
  }
}

function bothUnless(directions: readonly RelayDirection[]): readonly RelayDirection[] {
  return directions.length > 0 ? directions : ["up", "down"];
}
