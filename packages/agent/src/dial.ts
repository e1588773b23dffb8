/** Opens the WebSocket to the orchestrator; the mux profile, the key in a header. */
import { getCACertificates } from "node:tls";
import { MAX_MESSAGE_BYTES } from "@porchlight/protocol/limits";
import { MUX_SUBPROTOCOL } from "@porchlight/protocol/message";
import { WebSocket } from "ws";
import { codeOf } from "./target-error.ts";

/** Time to open the carrier, TLS included. Milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Longest `Retry-After` that is followed. Milliseconds. */
const MAX_RETRY_AFTER_MS = 120_000;

/** Where the orchestrator is and how the agent proves itself; the key goes into a header, never into the URL. */
export interface DialOptions {
  readonly url: URL;
  readonly key: string;
  /** PEM certificates trusted besides the usual ones. */
  readonly extraCa?: string | undefined;
  readonly userAgent: string;
}

/** Why no carrier could be opened. */
export interface DialFailure {
  /** The orchestrator does not take this key (401, 403). */
  readonly isKeyRejected: boolean;
  /** A clause for people, such as `the orchestrator refused the connection`. */
  readonly reason: string;
  /** How long the orchestrator asks to wait. */
  readonly retryAfterMs?: number;
}

/** Hears how dialling ends: one of the two, once. */
export interface DialListener {
  /** Open; its events have to be listened to in this call. */
  onOpen(webSocket: WebSocket): void;
  onFailure(failure: DialFailure): void;
}

/** Starts to dial; the returned function calls it off, and the listener hears nothing more. */
export function dial(options: DialOptions, listener: DialListener): () => void {
  const webSocket = new WebSocket(options.url, [MUX_SUBPROTOCOL], {
    headers: { Authorization: `Bearer ${options.key}`, "User-Agent": options.userAgent },
    // Never negotiated: ws#1202, CVE-2026-2229.
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    followRedirects: false,
    // A zero mask changes nothing and costs nothing: TLS, or this computer alone, lies below.
    generateMask: (mask) => mask.fill(0),
    ...(options.extraCa === undefined
      ? {}
      : { ca: [...getCACertificates("default"), options.extraCa] }),
  });
  let isOver = false;
  const fail = (failure: DialFailure): void => {
    if (isOver) return;
    isOver = true;
    listener.onFailure(failure);
  };
  webSocket.on("unexpected-response", (request, response) => {
    fail(failureOfStatus(response.statusCode ?? 0, response.headers["retry-after"]));
    request.destroy();
  });
  webSocket.on("error", (error) => fail({ isKeyRejected: false, reason: reasonOf(error) }));
  webSocket.on("open", () => {
    if (isOver) return;
    isOver = true;
    listener.onOpen(webSocket);
  });
  return () => {
    if (isOver) return;
    isOver = true;
    webSocket.terminate();
  };
}

function failureOfStatus(status: number, retryAfter: string | undefined): DialFailure {
  const reason = STATUS_REASONS[status] ?? `the orchestrator answered with HTTP ${status}`;
  const isKeyRejected = status === 401 || status === 403;
  if (retryAfter === undefined || !/^\d{1,6}$/.test(retryAfter)) return { isKeyRejected, reason };
  const retryAfterMs = Math.min(Number(retryAfter) * 1000, MAX_RETRY_AFTER_MS);
  return { isKeyRejected, reason, retryAfterMs };
}

const STATUS_REASONS: Readonly<Record<number, string>> = {
  401: "the orchestrator does not know this key",
  403: "the orchestrator does not allow this key to be an agent",
  404: "there is no orchestrator at this address; ORCH_WS usually ends in /agent",
  503: "the orchestrator takes no agents at the moment",
};

function reasonOf(error: Error): string {
  const code = codeOf(error);
  const reason = CODE_REASONS[code];
  if (reason !== undefined) return reason;
  if (/^(CERT_|UNABLE_TO_|DEPTH_|SELF_|ERR_TLS_|ERR_SSL_|HOSTNAME_|INVALID_CA)/.test(code)) {
    return `the orchestrator's certificate is not trusted (${code})`;
  }
  // ws gives its own errors of the handshake no code.
  return code === "" ? "the answer was not that of an orchestrator" : `a network error (${code})`;
}

const CODE_REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens at the orchestrator's address",
  ECONNRESET: "the orchestrator ended the connection",
  ENOTFOUND: "the orchestrator's name could not be resolved",
  EAI_AGAIN: "the orchestrator's name could not be resolved",
  EHOSTUNREACH: "the orchestrator could not be reached",
  ENETUNREACH: "there is no network",
  ETIMEDOUT: "the orchestrator did not answer",
};
