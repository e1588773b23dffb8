/**
 * Who is connected to the proxy, and how many at most: by address until a connection has proven itself with a key, by
 * key from then on. An address with many slow connections takes nothing from the others, and neither does a client
 * with many tunnels (faults P7).
 */
import type { Socket } from "node:net";
import { ProxyError } from "@porchlight/protocol/errors";
import { carrierOf } from "@porchlight/runtime/carrier-of";
import { resetSocket } from "@porchlight/runtime/reset-socket";

/** How many connections are taken. */
export interface VisitorCaps {
  /** Of one address, without a key yet. */
  readonly perAddress: number;
  /** Of one key. */
  readonly perKey: number;
}

/** The connections of one listener. */
export class Visitors {
  readonly #caps: VisitorCaps;
  readonly #visits = new Set<Visit>();
  readonly #bySocket = new WeakMap<Socket, Visit>();
  readonly #addresses = new Tally();
  readonly #keys = new Tally();

  constructor(caps: VisitorCaps) {
    this.#caps = caps;
  }

  /** Connections open at this moment. */
  get open(): number {
    return this.#visits.size;
  }

  /** Takes note of an accepted connection until it closes. */
  enter(socket: Socket): Visit {
    const visit = new Visit(socket, {
      ...this.#caps,
      addresses: this.#addresses,
      keys: this.#keys,
      onLeave: () => this.#visits.delete(visit),
    });
    this.#visits.add(visit);
    this.#bySocket.set(socket, visit);
    return visit;
  }

  /** The visit of an accepted socket, or of the TLS one on top of it. */
  of(socket: Socket): Visit {
    const carrier = carrierOf(socket);
    return this.#bySocket.get(carrier) ?? this.enter(carrier);
  }

  /** Ends the connections that a key has opened. */
  endKey(keyId: string): void {
    for (const visit of this.#visits) if (visit.keyId === keyId) visit.end();
  }

  /** Ends all connections. */
  close(): void {
    for (const visit of this.#visits) visit.end();
  }
}

interface VisitParts extends VisitorCaps {
  readonly addresses: Tally;
  readonly keys: Tally;
  readonly onLeave: () => void;
}

/** One connection. */
export class Visit {
  /** There were too many of its address when it came: `prove` refuses it. */
  readonly isCrowded: boolean;
  readonly #parts: VisitParts;
  readonly #address: string;
  readonly #socket: Socket;
  #keyId: string | undefined;

  constructor(socket: Socket, parts: VisitParts) {
    this.#parts = parts;
    this.#socket = socket;
    this.#address = socket.remoteAddress ?? "";
    this.isCrowded = parts.addresses.of(this.#address) >= parts.perAddress;
    parts.addresses.add(this.#address);
    socket.once("close", this.#leave);
  }

  /** Whose connection it is; `undefined` until it has proven itself. */
  get keyId(): string | undefined {
    return this.#keyId;
  }

  /**
   * Refuses a connection of which there are too many of its address.
   * @throws {ProxyError} `rate_limited`
   */
  checkAddress(): void {
    if (!this.isCrowded) return;
    throw new ProxyError("rate_limited", "Too many connections of this address have shown no key");
  }

  /**
   * Notes whose connection it is.
   * @throws {ProxyError} `rate_limited` for one too many of its key
   */
  prove(keyId: string): void {
    if (keyId === this.#keyId) return;
    const { keys, perKey } = this.#parts;
    if (keys.of(keyId) >= perKey) {
      throw new ProxyError("rate_limited", `This key has ${perKey} connections open already`);
    }
    this.#uncount();
    keys.add(keyId);
    this.#keyId = keyId;
  }

  /** Ends the connection now, so that nobody takes what it has received for the whole. */
  end(): void {
    resetSocket(this.#socket);
  }

  readonly #leave = (): void => {
    this.#uncount();
    this.#parts.onLeave();
  };

  #uncount(): void {
    if (this.#keyId === undefined) this.#parts.addresses.remove(this.#address);
    else this.#parts.keys.remove(this.#keyId);
  }
}

/** Counts by name; a name that is counted down to nothing takes no memory. */
class Tally {
  readonly #counts = new Map<string, number>();

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  add(name: string): void {
    this.#counts.set(name, this.of(name) + 1);
  }

  remove(name: string): void {
    const count = this.of(name) - 1;
    if (count > 0) this.#counts.set(name, count);
    else this.#counts.delete(name);
  }
}
