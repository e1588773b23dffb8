/** The command line's own small client of the HTTP API: streams answers, decodes nothing. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import { ERRORS, isErrorCode, ProxyError } from "@porchlight/protocol/errors";
import { checkKeyFormat } from "@porchlight/protocol/key-format";
import { variable, type CommandContext } from "./command-context.ts";

/** What a command asks of the API. */
export interface ApiCall {
  readonly method: "GET" | "POST";
  /** Path and query. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
}

/**
 * Calls the orchestrator that `PORCHLIGHT_URL` names with the key in `PORCHLIGHT_KEY`, and resolves with the
 * answer's head, its body still to be read.
 * @throws {ProxyError} `invalid_request` when one of the two cannot be used, `host_unreachable` when nobody
 * answers
 */
export async function callApi(env: CommandContext["env"], call: ApiCall): Promise<IncomingMessage> {
  const base = baseUrl(variable(env, "PORCHLIGHT_URL") ?? "http://127.0.0.1:8080");
  const key = usableKey(variable(env, "PORCHLIGHT_KEY"));
  const body = call.body === undefined ? undefined : JSON.stringify(call.body);
  const headers = {
    authorization: `Bearer ${key}`,
    ...(body !== undefined && {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    }),
  };
  const request = base.protocol === "https:" ? httpsRequest : httpRequest;
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request(new URL(call.path, base), { method: call.method, headers, agent: false })
    .on("response", resolve)
    .on("error", (err) => reject(unreachable(base, err)))
    .end(body);
  return await promise;
}

/**
 * The JSON of an answer.
 * @throws {ProxyError} with the orchestrator's own code and detail when it is a problem
 */
export async function readJson(response: IncomingMessage): Promise<unknown> {
  const body = await text(response);
  const { statusCode } = response;
  if (statusCode === 200) return JSON.parse(body);
  throw (
    ownProblem(response, body) ??
    new ProxyError("internal", `The answer was ${statusCode} without a reason`)
  );
}

/**
 * The orchestrator's own refusal; `undefined` for anything else, a target's problem included: only the
 * orchestrator knows the call's request id, which it writes into the head of every answer.
 */
export function ownProblem({ headers }: IncomingMessage, body: string): ProxyError | undefined {
  const { code, detail, requestId } = parseObject(body);
  if (typeof code !== "string" || !isErrorCode(code)) return undefined;
  if (typeof requestId !== "string" || requestId !== headers["x-request-id"]) return undefined;
  const message = typeof detail === "string" ? detail : ERRORS[code].title;
  return new ProxyError(code, `${message} (${requestId})`);
}

function parseObject(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function baseUrl(given: string): URL {
  const url = URL.parse(given);
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw new ProxyError("invalid_request", "PORCHLIGHT_URL is no http or https URL");
}

function usableKey(key: string | undefined): string {
  if (key === undefined) {
    throw new ProxyError(
      "invalid_request",
      "PORCHLIGHT_KEY is not set: it takes a client or admin key",
    );
  }
  if (checkKeyFormat(key) === "damaged" || !/^[\x21-\x7e]+$/.test(key)) {
    throw new ProxyError(
      "invalid_request",
      "PORCHLIGHT_KEY has a slip in it: paste the whole key again",
    );
  }
  return key;
}

function unreachable(base: URL, cause: NodeJS.ErrnoException): ProxyError {
  const message = `No answer from the orchestrator at ${base.origin} (${cause.code ?? cause.name})`;
  return new ProxyError("host_unreachable", message, { cause });
}
