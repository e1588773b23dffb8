/**
 * One link from dialling to its end: open the carrier, say hello, hear welcome, work, leave. It never starts
 * again; the connection makes a new one.
 */
import type { Hello, Open, Welcome } from "@porchlight/protocol/message";
import type { Stream, StreamHandler } from "@porchlight/protocol/stream";
import { CLOSE_CODES } from "@porchlight/protocol/transport";
import type { Clock } from "@porchlight/runtime/clock";
import { createMuxSession } from "@porchlight/runtime/mux-session";
import type { Session } from "@porchlight/runtime/session";
import { socketOf } from "@porchlight/runtime/open-websocket";
import { webSocketTransport } from "@porchlight/runtime/websocket-transport";
import type { WebSocket } from "ws";
import { type DialOptions, dial } from "./dial.ts";

/** Time for an answer when the link is asked whether it still stands. Milliseconds. */
const CHECK_TIMEOUT_MS = 2_000;

/** Work that was on its way when this side said goodbye still arrives within this time. Milliseconds. */
const MIN_LINGER_MS = 50;
const UNKNOWN_RTT_MS = 250;

/** Why a link ended, as far as what to do next depends on it. */
export interface LinkEnd {
  readonly kind: "key-rejected" | "replaced" | "unsupported" | "lost";
  /** A clause for people. */
  readonly reason: string;
  readonly retryAfterMs?: number;
}

/** Hears what happens to a link; after `onEnded` nothing more comes. */
export interface LinkListener {
  onLive(link: AgentLink, welcome: Welcome): void;
  onOpen(stream: Stream, open: Open): StreamHandler;
  /** The orchestrator asks to go elsewhere. */
  onDrain(link: AgentLink, reason: string): void;
  onEnded(link: AgentLink, end: LinkEnd): void;
  onFault(error: unknown): void;
}

/** Where a link goes, how it introduces itself, and who hears of it. */
export interface LinkOptions {
  readonly dial: DialOptions;
  /** Asked when the carrier is open. */
  readonly hello: () => Hello;
  readonly clock: Clock;
  readonly listener: LinkListener;
}

/** One link to the orchestrator; dials as soon as it is made, and its end is told to the listener exactly once. */
export class AgentLink {
  readonly #options: LinkOptions;
  readonly #callOffDial: () => void;
  #webSocket: WebSocket | undefined;
  #session: Session | undefined;
  #welcome: Welcome | undefined;
  #isLeaving = false;
  #lingers = false;
  #ended = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#callOffDial = dial(options.dial, {
      onOpen: (webSocket) => this.#onCarrier(webSocket),
      onFailure: ({ isKeyRejected, reason, retryAfterMs }) => {
        const kind = isKeyRejected ? "key-rejected" : "lost";
        this.#end(retryAfterMs === undefined ? { kind, reason } : { kind, reason, retryAfterMs });
      },
    });
  }

  /** Streams open on this link. */
  get streams(): number {
    return this.#session?.streams ?? 0;
  }

  /** Accepted by the orchestrator, and what it said. */
  get welcome(): Welcome | undefined {
    return this.#welcome;
  }

  /** Takes no new work and closes once what runs has ended. */
  leave(reason: string): void {
    if (this.#session === undefined || this.#welcome === undefined) {
      this.close(reason);
      return;
    }
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#lingers = true;
    this.#session.drain(reason);
    const lingerMs = MIN_LINGER_MS + 2 * (this.#session.rttMs ?? UNKNOWN_RTT_MS);
    this.#options.clock.schedule(lingerMs, () => {
      this.#lingers = false;
      this.#closeIfDone();
    });
  }

  /** Ends it now with a goodbye; running streams fail. */
  close(reason: string): void {
    this.#callOffDial();
    this.#session?.close(CLOSE_CODES.normal, reason);
    if (this.#session === undefined) this.#end({ kind: "lost", reason });
  }

  /** Takes it for dead: `onEnded` comes at once. */
  giveUp(reason: string): void {
    this.#callOffDial();
    this.#webSocket?.terminate();
    this.#end({ kind: "lost", reason });
  }

  /** Asks the other side for a sign of life, and gives the link up when none comes in 2 s (faults F23). */
  check(): void {
    const webSocket = this.#webSocket;
    if (webSocket === undefined || webSocket.readyState !== webSocket.OPEN) return;
    const socket = socketOf(webSocket);
    const bytesBefore = socket?.bytesRead;
    // The answer is read by the transport; that it came shows in the socket's count.
    webSocket.ping();
    this.#options.clock.schedule(CHECK_TIMEOUT_MS, () => {
      if (socket?.bytesRead !== bytesBefore) return;
      this.giveUp("the orchestrator did not answer after a pause of this computer");
    });
  }

  /** Tells why no work is taken, or that work is taken again. */
  tellPaused(paused: string | undefined): void {
    if (this.#welcome === undefined) return;
    this.#session?.status(paused === undefined ? {} : { paused });
  }

  #onCarrier(webSocket: WebSocket): void {
    this.#webSocket = webSocket;
    const { listener, clock, hello } = this.#options;
    this.#session = createMuxSession({
      role: "agent",
      transport: webSocketTransport(webSocket),
      clock,
      hello: hello(),
      onFault: (error) => listener.onFault(error),
      handler: {
        onWelcome: (welcome) => {
          this.#welcome = welcome;
          listener.onLive(this, welcome);
        },
        onOpen: (stream, open) => listener.onOpen(stream, open),
        onDrain: (reason) => listener.onDrain(this, reason),
        // The last stream's end may still be on its way out: it has to leave before the goodbye.
        onIdle: () => clock.soon(() => this.#closeIfDone()),
        onClose: (code, reason) => this.#end(this.#endOf(code, reason)),
      },
    });
  }

  #closeIfDone(): void {
    if (!this.#isLeaving || this.#lingers || this.streams > 0) return;
    this.#session?.close(CLOSE_CODES.normal, "Done");
  }

  #endOf(code: number, reason: string): LinkEnd {
    const said = reason === "" ? "" : `: ${reason}`;
    if (code === CLOSE_CODES.keyRevoked) {
      return { kind: "key-rejected", reason: "the key was revoked or has expired" };
    }
    if (code === CLOSE_CODES.replaced) return { kind: "replaced", reason };
    if (code === CLOSE_CODES.protocolError && this.#welcome === undefined) {
      return { kind: "unsupported", reason: reason === "" ? "no reason was given" : reason };
    }
    if (code === 1006) return { kind: "lost", reason: "the line was cut" };
    return { kind: "lost", reason: `the orchestrator closed it (${code})${said}` };
  }

  #end(end: LinkEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.listener.onEnded(this, end);
  }
}
