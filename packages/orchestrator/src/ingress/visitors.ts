/**
 * Who is connected to the proxy, and how many at most: by address until a connection has proven itself with a key, by
 * key from then on. An address with many slow connections takes nothing from the others, and neither does a client
 * with many tunnels (faults P7).
 */
import type { Socket } from "node:net";
import { ProxyError } from "@porchlight/protocol/errors";
import { carrierOf } from "@porchlight/runtime/carrier-of";
import { resetSocket } from "@porchlight/runtime/reset-socket";
import { NO_SEAT, Roster, type Seated } from "@porchlight/runtime/roster";

/** How many connections are taken. */
export interface VisitorCaps {
  /** Of one address, without a key yet. */
  readonly perAddress: number;
  /** Of one key. */
  readonly perKey: number;
}

/**
 * Where a connection keeps its visit. Not in a `WeakMap`: the collection of young objects takes what that holds for needed,
 * and the visit leads back to the connection.
 */
const VISIT = Symbol("visit");

interface VisitedSocket extends Socket {
  [VISIT]?: Visit | undefined;
}

/** The connections of one listener. */
export class Visitors {
  readonly #visits = new Roster<Visit>();
  readonly #parts: VisitParts;

  constructor(caps: VisitorCaps) {
    this.#parts = {
      ...caps,
      addresses: new Tally(),
      keys: new Tally(),
      onLeave: (visit) => this.#visits.delete(visit),
    };
  }

  /** Connections open at this moment. */
  get open(): number {
    return this.#visits.size;
  }

  /** Takes note of an accepted connection until it closes. */
  enter(socket: VisitedSocket): Visit {
    const visit = new Visit(socket, this.#parts);
    if (visit.isOver) return visit;
    socket[VISIT] = visit;
    this.#visits.add(visit);
    return visit;
  }

  /** The visit of an accepted socket, or of the TLS one on top of it. */
  of(socket: Socket): Visit {
    const carrier: VisitedSocket = carrierOf(socket);
    return carrier[VISIT] ?? this.enter(carrier);
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
  readonly onLeave: (visit: Visit) => void;
}

/** One connection. */
export class Visit implements Seated {
  /** Among those of its listener. */
  seat = NO_SEAT;
  /** There were too many of its address when it came: `prove` refuses it. */
  readonly isCrowded: boolean;
  readonly #parts: VisitParts;
  readonly #address: string;
  readonly #socket: VisitedSocket;
  #keyId: string | undefined;
  #isOver: boolean;

  constructor(socket: VisitedSocket, parts: VisitParts) {
    this.#parts = parts;
    this.#socket = socket;
    this.#address = socket.remoteAddress ?? "";
    this.isCrowded = parts.addresses.of(this.#address) >= parts.perAddress;
    this.#isOver = socket.closed;
    if (this.#isOver) return;
    parts.addresses.add(this.#address);
    socket.once("close", this.#leave);
  }

  /** The connection has closed, and counts no more. */
  get isOver(): boolean {
    return this.#isOver;
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
    if (keyId === this.#keyId || this.#isOver) return;
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
    this.#isOver = true;
    this.#socket[VISIT] = undefined;
    this.#uncount();
    this.#parts.onLeave(this);
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
