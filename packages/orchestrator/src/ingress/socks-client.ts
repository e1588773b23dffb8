/** A SOCKS5 client: its handshake, then its tunnel. */
import type { Socket } from "node:net";
import { ProxyError, type ErrorCode } from "@porchlight/protocol/errors";
import type { LineAllowance } from "@porchlight/runtime/line-allowance";
import type { Logger } from "@porchlight/runtime/logger";
import { createId } from "@porchlight/runtime/ids";
import { closeSoon } from "../http/answer.ts";
import type { Admission } from "./admission.ts";
import { tunnelRequest, type DoorRequest, type ProxyRules } from "./door-request.ts";
import { PROXY_ERRORS } from "./proxy-error.ts";
import type { Refusals } from "./refusals.ts";
import { SocksHandshake, type SocksStep } from "./socks-handshake.ts";
import { SOCKS_REPLY, socksReply } from "./socks-reply.ts";
import { TunnelClient, type TunnelAnswers, type TunnelOpener } from "./tunnel-client.ts";
import type { Visit } from "./visitors.ts";

/** Where SOCKS clients are let in. */
export interface SocksParts {
  readonly admission: Admission;
  readonly tunnels: TunnelOpener;
  readonly rules: ProxyRules;
  readonly logger: Pick<Logger, "info" | "error">;
  /** Of all clients together. */
  readonly lines: LineAllowance;
  readonly refusals: Refusals;
}

interface SocksClientOptions {
  readonly socket: Socket;
  readonly visit: Visit;
  /** Called once, when the handshake is over, however it ended. */
  readonly onGreeted: () => void;
}

/** One client, from its first bytes on. */
export class SocksClient implements TunnelAnswers {
  readonly #parts: SocksParts;
  readonly #socket: Socket;
  readonly #visit: Visit;
  readonly #onGreeted: () => void;
  readonly #handshake = new SocksHandshake();
  readonly #requestId = createId("req");
  #order: DoorRequest | undefined;
  /** Why its request will be refused: the login has no words for it. */
  #refusal: ProxyError | undefined;

  constructor({ socket, visit, onGreeted }: SocksClientOptions, parts: SocksParts) {
    this.#parts = parts;
    this.#socket = socket;
    this.#visit = visit;
    this.#onGreeted = onGreeted;
  }

  /** Goes on with bytes that have been read already. */
  start(first: Buffer): void {
    this.#socket.on("data", this.#onData);
    this.#socket.once("end", this.#onEnd);
    this.#onData(first);
    this.#socket.resume();
  }

  opened(): Uint8Array {
    return socksReply(SOCKS_REPLY.succeeded);
  }

  refuse(error: ProxyError): void {
    this.#log(error);
    this.#end(socksReply(PROXY_ERRORS[error.code].socks));
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#handshake.push(chunk);
    for (let step = this.#handshake.next(); step.kind !== "wait"; step = this.#handshake.next()) {
      this.#take(step);
      if (step.kind === "request" || step.kind === "refuse") return;
    }
  };

  /** It said nothing that could be answered. */
  readonly #onEnd = (): void => {
    this.#socket.destroy();
  };

  #take(step: SocksStep): void {
    if (step.kind === "send") this.#socket.write(step.bytes);
    else if (step.kind === "login") this.#logIn(step.username, step.password);
    else if (step.kind === "request") this.#request(step);
    else if (step.kind === "refuse") this.#reject("invalid_request", step.bytes);
  }

  #logIn(username: string, password: string): void {
    try {
      this.#visit.checkAddress();
      this.#order = this.#parts.admission.admit({
        credentials: { username, password },
        visit: this.#visit,
        requestId: this.#requestId,
      });
    } catch (thrown) {
      this.#refusal = ProxyError.from(thrown);
    }
    const isKnown = this.#refusal?.code !== "unauthenticated";
    const bytes = this.#handshake.logIn(isKnown);
    if (isKnown) this.#socket.write(bytes);
    else this.#reject("unauthenticated", bytes);
  }

  #request({ host, port, rest }: Extract<SocksStep, { kind: "request" }>): void {
    this.#stopReading();
    try {
      if (this.#refusal !== undefined) throw this.#refusal;
      this.#open(host, port, rest);
    } catch (thrown) {
      const error = ProxyError.from(thrown);
      this.#parts.refusals.count("socks5", error.code);
      this.refuse(error);
    }
  }

  #open(host: string, port: number, early: Uint8Array): void {
    if (this.#order === undefined) return;
    const { admission, tunnels, rules } = this.#parts;
    admission.judgeTarget({ host, port }, this.#socket);
    const order = { id: createId("job"), host, port, door: "socks5" as const };
    const client = new TunnelClient({ socket: this.#socket, early, answers: this });
    client.open(tunnels, tunnelRequest(this.#order, order, rules));
  }

  #stopReading(): void {
    this.#onGreeted();
    this.#socket.off("data", this.#onData);
    this.#socket.off("end", this.#onEnd);
    this.#socket.pause();
  }

  #log(error: ProxyError): void {
    const { code, message } = error;
    const { logger, lines } = this.#parts;
    const fields = { requestId: this.#requestId, account: this.#order?.principal.account, code };
    if (code === "internal") return logger.error({ ...fields, err: error }, "SOCKS failed");
    const allowed = lines.take(performance.now());
    if (allowed === undefined) return;
    logger.info({ ...fields, ...allowed }, `SOCKS request refused: ${message}`);
  }

  /** Refuses a handshake, for which there are no words. */
  #reject(code: ErrorCode, bytes: Uint8Array): void {
    this.#parts.refusals.count("socks5", code);
    this.#end(bytes);
  }

  /** Says the last word. */
  #end(bytes: Uint8Array): void {
    this.#stopReading();
    this.#socket.end(bytes);
    closeSoon(this.#socket);
  }
}
