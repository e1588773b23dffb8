/**
 * Happy Eyeballs: several addresses of one host are tried one after the other, each as soon as the one before
 * has failed or taken 250 ms; those still trying go on, and the first to connect wins. A home's broken IPv6 then
 * costs a quarter of a second and not a timeout. Source: RFC 8305 §4, §5.
 */
import { type Socket, isIPv6 } from "node:net";
import type { RoomyReads } from "@porchlight/runtime/roomy-reads";
import type { Cancellation } from "./cancellation.ts";

/** Time an attempt has for itself. Milliseconds. Source: RFC 8305 §8. */
const ATTEMPT_DELAY_MS = 250;

/** Addresses tried at most, whatever a name resolves to. */
const MAX_ADDRESSES = 8;

/** The addresses of one host and how to try each; `attemptDelayMs` is 250 by default. */
export interface RaceOptions {
  /** At least one, in the resolver's order. */
  readonly addresses: readonly string[];
  /** Starts one attempt. */
  readonly dial: (address: string) => Dialled;
  /** Ends all attempts; the promise rejects with its reason. */
  readonly cancellation: Cancellation;
  readonly attemptDelayMs?: number;
}

/** A connection being made. */
export interface Dialled {
  readonly socket: Socket;
  /** How it is read, if it was made with them. */
  readonly reads?: RoomyReads;
}

/** The connection that came first, and the address it leads to. */
export interface RaceWinner extends Dialled {
  readonly address: string;
}

/** The first connection that opens; rejects with the first attempt's error when all have failed. */
export function raceConnect(options: RaceOptions): Promise<RaceWinner> {
  const { promise, resolve, reject } = Promise.withResolvers<RaceWinner>();
  new Race(options, { won: resolve, lost: reject }).start();
  return promise;
}

/** Addresses with the families taking turns, beginning with the resolver's first. Source: RFC 8305 §4. */
export function alternateFamilies(addresses: readonly string[]): readonly string[] {
  if (addresses.length < 2) return addresses;
  const [first = ""] = addresses;
  const preferred = addresses.filter((address) => isIPv6(address) === isIPv6(first));
  const others = addresses.filter((address) => isIPv6(address) !== isIPv6(first));
  return preferred
    .flatMap((address, i) => [address, ...others.slice(i, i + 1)])
    .concat(others.slice(preferred.length));
}

interface Outcome {
  readonly won: (winner: RaceWinner) => void;
  readonly lost: (reason: unknown) => void;
}

class Race {
  readonly #options: RaceOptions;
  readonly #outcome: Outcome;
  readonly #waiting: string[];
  readonly #running = new Set<Socket>();
  #timer: NodeJS.Timeout | undefined;
  #firstError: Error | undefined;

  constructor(options: RaceOptions, outcome: Outcome) {
    this.#options = options;
    this.#outcome = outcome;
    this.#waiting = alternateFamilies(options.addresses).slice(0, MAX_ADDRESSES);
  }

  start(): void {
    this.#options.cancellation.listen(this.#onCancelled);
    this.#tryNext();
  }

  readonly #tryNext = (): void => {
    clearTimeout(this.#timer);
    const address = this.#waiting.shift();
    if (address === undefined) return;
    const dialled = this.#options.dial(address);
    const { socket } = dialled;
    this.#running.add(socket);
    const onError = (error: Error): void => this.#onError(socket, error);
    socket.on("error", onError);
    socket.once("connect", () => {
      socket.off("error", onError);
      this.#running.delete(socket);
      this.#end();
      this.#outcome.won({ ...dialled, address });
    });
    if (this.#waiting.length > 0) {
      this.#timer = setTimeout(this.#tryNext, this.#options.attemptDelayMs ?? ATTEMPT_DELAY_MS);
    }
  };

  #onError(socket: Socket, error: Error): void {
    if (!this.#running.delete(socket)) return;
    this.#firstError ??= error;
    if (this.#waiting.length > 0) this.#tryNext();
    else if (this.#running.size === 0) {
      this.#end();
      this.#outcome.lost(this.#firstError);
    }
  }

  readonly #onCancelled = (reason: Error): void => {
    this.#end();
    this.#outcome.lost(reason);
  };

  #end(): void {
    clearTimeout(this.#timer);
    this.#options.cancellation.listen(undefined);
    this.#waiting.length = 0;
    const losers = [...this.#running];
    this.#running.clear();
    for (const socket of losers) socket.destroy();
  }
}
