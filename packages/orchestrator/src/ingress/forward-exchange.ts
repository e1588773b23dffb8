/**
 * One forwarded request from a judged head to the end of its answer:
 *
 *   opening ──tunnel open──▶ asked ──final head──▶ answering ──end──▶ over
 *      │                       │  └──101──▶ spliced      │
 *      └──── an error of ours ─┴────▶ over       cut ────┴──▶ over
 *
 * Nothing is sent before the tunnel is open, so that until then a failure moves on to another agent. Body and
 * answer pass both ways at once, each held up by whoever is slow.
 */
import type { IncomingMessage } from "node:http";
import { ProxyError, type ErrorCode } from "@porchlight/protocol/errors";
import { headerValue } from "@porchlight/protocol/header-list";
import type { Attempt } from "@porchlight/protocol/job";
import { roundMs } from "@porchlight/protocol/round-ms";
import { createId } from "@porchlight/runtime/ids";
import type { Splice } from "@porchlight/runtime/splice";
import { jobHeaders } from "../http/answer-headers.ts";
import { passBody } from "../http/pass-body.ts";
import type { OpenedTunnel, RunningTunnel, TunnelDoor } from "../tunnels/tunnel-request.ts";
import { TunnelSocket } from "../tunnels/tunnel-socket.ts";
import type { Tunnels } from "../tunnels/tunnels.ts";
import { tunnelRequest, type DoorRequest } from "./door-request.ts";
import type { AnswerHead, ForwardClient } from "./forward-client.ts";
import { sentTrailers, targetHeaders } from "./forward-headers.ts";
import type { ForwardTarget } from "./forward-target.ts";
import { watchHalfClosed } from "./half-closed.ts";
import { watchHeldUpload } from "./held-upload.ts";
import { TargetExchange, type TargetListener } from "./target-exchange.ts";
import type { UpgradeClient } from "./upgrade-client.ts";

/** What all forwarded requests share. */
export interface ForwardContext {
  readonly tunnels: Pick<Tunnels, "open">;
  /** Until a tunnel is open: waiting and all attempts. Milliseconds. */
  readonly openTimeoutMs: number;
  /** From the last of the request that went out to the head of the answer. Milliseconds. */
  readonly headTimeoutMs: number;
}

/** A request whose head has been judged. */
export interface ForwardRequest {
  readonly request: IncomingMessage;
  readonly client: ForwardClient;
  /** The client once more, when it asks to become a WebSocket. */
  readonly upgrade?: UpgradeClient;
  readonly target: ForwardTarget;
  readonly order: DoorRequest;
  readonly maxForwards: number | undefined;
}

/** How long a client may go on with a body whose answer is complete. Milliseconds. */
const REST_MS = 500;

/** A forwarded request under way. */
export class ForwardExchange implements TunnelDoor, TargetListener {
  readonly borrows = true;
  readonly #forward: ForwardRequest;
  readonly #context: ForwardContext;
  readonly #id = createId("job");
  #running: RunningTunnel | undefined;
  #opened: OpenedTunnel | undefined;
  #openedAtMs = 0;
  /** Takes what the tunnel brings. */
  #reader: TunnelSocket | Splice | undefined;
  #exchange: TargetExchange | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #stopWatching: (() => void) | undefined;
  /** Bytes of the body have gone out. */
  #isBodyMoving = false;
  #hasBegun = false;
  #isOver = false;

  constructor(forward: ForwardRequest, context: ForwardContext) {
    this.#forward = forward;
    this.#context = context;
  }

  start(): void {
    const { order, target, request } = this.#forward;
    const { host, port } = target;
    request.socket.once("close", this.#onClientGone);
    this.#stopWatching = watchHalfClosed(request.socket, () => !this.#isOver);
    if (hasBody(request)) watchHeldUpload(request);
    const tunnel = tunnelRequest(order, { id: this.#id, host, port, door: "http" }, this.#context);
    this.#running = this.#context.tunnels.open(tunnel, this);
  }

  // ── what the tunnel says ──

  onOpen(opened: OpenedTunnel): void {
    const { request, target, upgrade, maxForwards } = this.#forward;
    const socket = new TunnelSocket(opened.exchange);
    this.#opened = opened;
    this.#openedAtMs = performance.now();
    this.#reader = socket;
    const headers = targetHeaders({
      headers: request.rawHeaders,
      authority: target.authority,
      isOld: request.httpVersionMinor === 0,
      isUpgrade: upgrade !== undefined,
      maxForwards,
    });
    const { method = "GET" } = request;
    const { path, host, port } = target;
    const isUpgrade = upgrade !== undefined;
    const asked = { method, path, headers, isUpgrade, where: `${host}:${port}` };
    try {
      this.#exchange = new TargetExchange(socket, asked, this);
    } catch (cause) {
      const message = "The request has a header that cannot be sent on";
      return this.#fail(new ProxyError("invalid_header", message, { cause }));
    }
    this.#deadline = setTimeout(this.#onDeadline, this.#context.headTimeoutMs);
    this.#sendBody(this.#exchange);
  }

  onData(chunk: Uint8Array): void {
    this.#reader?.onData(chunk);
  }

  onEnd(): void {
    this.#reader?.onEnd();
  }

  onDrain(): void {
    this.#reader?.onDrain();
  }

  onError(error: ProxyError, attempts: readonly Attempt[]): void {
    if (this.#reader === undefined) this.#fail(error, attempts);
    else this.#reader.onError(error);
  }

  // ── what the target says ──

  onInterim(status: number, headers: readonly string[]): void {
    this.#guard(() => this.#forward.client.interim(status, headers));
  }

  onResponse(response: IncomingMessage): void {
    clearTimeout(this.#deadline);
    this.#guard(() => {
      const { client } = this.#forward;
      client.begin(this.#answerHead(response));
      this.#hasBegun = true;
      response.once("end", () => this.#complete(response));
      passBody(response, client.sink);
    });
  }

  onSwitch(response: IncomingMessage, early: Uint8Array): void {
    const { upgrade } = this.#forward;
    if (this.#opened === undefined || !(this.#reader instanceof TunnelSocket)) return;
    this.#finish();
    const tunnel = { exchange: this.#opened.exchange, early, unread: this.#reader.release() };
    this.#reader = upgrade?.join(this.#answerHead(response), tunnel);
  }

  onFailure(error: ProxyError): void {
    this.#fail(error);
  }

  // ── the request's body ──

  #sendBody(exchange: TargetExchange): void {
    const { request } = this.#forward;
    const { outgoing } = exchange;
    if (!hasBody(request)) {
      request.resume();
      outgoing.end();
      return;
    }
    exchange.flush();
    request.on("data", this.#onProgress);
    request.once("end", () => {
      this.#onProgress();
      outgoing.addTrailers(sentTrailers(request.rawTrailers));
      outgoing.end();
    });
    request.pipe(outgoing, { end: false });
  }

  readonly #onProgress = (): void => {
    this.#isBodyMoving = true;
    this.#deadline?.refresh();
  };

  // ── ends ──

  #complete({ rawTrailers }: IncomingMessage): void {
    if (!this.#finish()) return;
    const { request, client } = this.#forward;
    if (request.complete) this.#exchange?.close();
    else this.#exchange?.abort(NOT_NEEDED);
    client.end(rawTrailers);
    if (!request.complete) this.#dropRest();
  }

  /** The target has answered in full before it had the body in full: nobody needs the rest. */
  #dropRest(): void {
    const { request } = this.#forward;
    request.unpipe();
    request.resume();
    const timer = setTimeout(() => request.socket.destroy(), REST_MS);
    request.once("close", () => clearTimeout(timer));
  }

  /** Faults A28: the exit is left at once. */
  readonly #onClientGone = (): void => {
    if (this.#finish()) this.#leave(GONE);
  };

  /** Faults F11. */
  readonly #onDeadline = (): void => {
    const { request, target } = this.#forward;
    const { headTimeoutMs } = this.#context;
    const isSlowClient = this.#isBodyMoving && !request.complete;
    if (isSlowClient && this.#exchange?.outgoing.writableNeedDrain === false) {
      const message = `Nothing more of the request's body came within ${headTimeoutMs} ms`;
      return this.#fail(new ProxyError("invalid_request", message), undefined, 408);
    }
    const message = `${target.host}:${target.port} did not answer within ${headTimeoutMs} ms`;
    this.#fail(new ProxyError("target_timeout", message));
  };

  #fail(error: ProxyError, attempts = this.#brokenBy(error.code), status?: number): void {
    if (!this.#finish()) return;
    const { client, order, request } = this.#forward;
    request.unpipe();
    this.#leave(error);
    if (this.#hasBegun) return client.cut();
    client.fail(error, {
      requestId: order.requestId,
      jobId: this.#id,
      ...(attempts !== undefined && { attempts }),
      ...(status !== undefined && { status }),
    });
  }

  /** The attempts, the last of which had connected and failed then. */
  #brokenBy(code: ErrorCode): readonly Attempt[] | undefined {
    const { attempts = [] } = this.#opened ?? {};
    const last = attempts.at(-1);
    if (last === undefined) return undefined;
    const ms = roundMs(last.ms + performance.now() - this.#openedAtMs);
    return [...attempts.slice(0, -1), { ...last, error: code, ms }];
  }

  /** Ends the tunnel, open or not yet. */
  #leave(error: ProxyError): void {
    if (this.#exchange !== undefined) this.#exchange.abort(error);
    else if (this.#opened !== undefined) this.#opened.exchange.abort(error.code, error.message);
    else this.#running?.cancel(error.message);
  }

  /** `false` when it was over before. */
  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    clearTimeout(this.#deadline);
    this.#stopWatching?.();
    this.#forward.request.socket.off("close", this.#onClientGone);
    return true;
  }

  // ── inside ──

  #answerHead({ statusCode = 0, statusMessage = "", rawHeaders }: IncomingMessage): AnswerHead {
    const { attempts = [], session } = this.#opened ?? {};
    const added = jobHeaders({ attempts, session });
    return { status: statusCode, message: statusMessage, headers: rawHeaders, added };
  }

  /** What node:http will not write is no answer. */
  #guard(act: () => void): void {
    try {
      act();
    } catch (cause) {
      const { host, port } = this.#forward.target;
      const message = `${host}:${port} sent a head that cannot be passed on`;
      this.#fail(new ProxyError("target_protocol_error", message, { cause }));
    }
  }
}

const GONE = new ProxyError("cancelled", "The client went away");

const NOT_NEEDED = new ProxyError("cancelled", "The rest of the request is not needed");

function hasBody({ rawHeaders }: IncomingMessage): boolean {
  return (
    headerValue(rawHeaders, "content-length") !== undefined ||
    headerValue(rawHeaders, "transfer-encoding") !== undefined
  );
}
