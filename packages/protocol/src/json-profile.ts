/**
 * The JSON profile of the agent link: text messages, whole bodies in Base64, so that an agent is thirty lines
 * in any language. Unknown properties are ignored; an unknown type or a wrong shape ends the link, except in
 * what a result says of its job: that fails the job alone.
 * Source: contract, section "Agent link".
 */
import Type from "typebox";
import { Compile } from "typebox/compile";
import { ProxyError } from "./errors.ts";
import { decodeJsonResult, type JsonResult } from "./json-profile-result.ts";
import { MAX_AGENT_CONCURRENCY, MAX_NAME_CHARS, MAX_REASON_CHARS } from "./limits.ts";
import { Labels, type OpenHttp } from "./message.ts";

/** What an agent of this profile says. */
export type AgentMessage =
  | {
      readonly type: "hello";
      /** Without it, the agent is called as its key. */
      readonly name: string | undefined;
      readonly version: string;
      readonly maxConcurrency: number;
      readonly labels: Labels;
    }
  | { readonly type: "pong"; readonly t: number | undefined }
  | { readonly type: "result"; readonly jobId: string; readonly result: JsonResult };

const JsonHello = Compile(
  Type.Object({
    type: Type.Literal("hello"),
    name: Type.Optional(Type.String({ minLength: 1, maxLength: MAX_NAME_CHARS })),
    version: Type.Optional(
      Type.Union([Type.String({ maxLength: MAX_REASON_CHARS }), Type.Number()]),
    ),
    maxConcurrency: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_AGENT_CONCURRENCY })),
    labels: Type.Optional(Labels),
  }),
);

const JsonPong = Compile(
  Type.Object({ type: Type.Literal("pong"), t: Type.Optional(Type.Number()) }),
);

const JsonResultEnvelope = Compile(
  Type.Object({
    type: Type.Literal("result"),
    jobId: Type.String({ minLength: 1, maxLength: MAX_REASON_CHARS }),
  }),
);

/**
 * Reads one text message of an agent. What a result says of its job may still be invalid: that is part of the
 * answer (faults G9).
 * @throws {ProxyError} `agent_protocol_error` for bad JSON, an unknown type or a wrong shape (faults G3).
 */
export function decodeAgentMessage(text: string): AgentMessage {
  const message = parseObject(text);
  switch (message["type"]) {
    case "result":
      check(JsonResultEnvelope, message, "result");
      return { type: "result", jobId: message.jobId, result: decodeJsonResult(message) };
    case "pong":
      check(JsonPong, message, "pong");
      return { type: "pong", t: message.t };
    case "hello":
      check(JsonHello, message, "hello");
      return {
        type: "hello",
        name: message.name,
        version: String(message.version ?? ""),
        maxConcurrency: message.maxConcurrency ?? 1,
        labels: message.labels ?? {},
      };
    default:
      throw broken("Message of an unknown type");
  }
}

/** A job for an agent. `maxResponseBytes` is what fits into one message, if the job asks for no less. */
export function encodeJob(
  open: OpenHttp,
  body: Uint8Array | undefined,
  maxResponseBytes: number,
): string {
  return JSON.stringify({
    type: "job",
    jobId: open.jobId,
    url: open.url,
    method: open.method,
    headers: headerMap(open.headers),
    body: body === undefined ? null : toBase64(body),
    timeoutMs: open.timeoutMs,
    followRedirects: open.followRedirects,
    maxRedirects: open.maxRedirects,
    maxResponseBytes: Math.min(open.maxResponseBytes ?? maxResponseBytes, maxResponseBytes),
  });
}

/** Asks for a job to be given up; its result will be dropped. */
export function encodeCancel(jobId: string): string {
  return JSON.stringify({ type: "cancel", jobId });
}

/** Asks for a pong with the same `t`. */
export function encodePing(t: number): string {
  return `{"type":"ping","t":${t}}`;
}

/** Tells that no new jobs will come over this link. */
export function encodeDrain(): string {
  return `{"type":"drain"}`;
}

/** Name → value, or list where a name is repeated in whatever case; the first spelling stays. */
function headerMap(headers: readonly string[]): Record<string, string | string[]> {
  // Without a prototype, `__proto__` is a name like any other (faults A5).
  const map = Object.create(null) as Record<string, string | string[]>;
  const spelling = new Map<string, string>();
  for (let index = 0; index < headers.length; index += 2) {
    const given = headers[index] ?? "";
    const value = headers[index + 1] ?? "";
    const name = spelling.get(given.toLowerCase()) ?? given;
    const earlier = map[name];
    if (earlier === undefined) {
      spelling.set(given.toLowerCase(), given);
      map[name] = value;
    } else if (typeof earlier === "string") map[name] = [earlier, value];
    else earlier.push(value);
  }
  return map;
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

function parseObject(text: string): Record<string, unknown> {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    throw broken("Message is not JSON");
  }
  if (typeof message !== "object" || message === null || Array.isArray(message)) {
    throw broken("Message is not a JSON object");
  }
  return message as Record<string, unknown>;
}

interface Validator<T> {
  Check(value: unknown): value is T;
  Errors(value: unknown): { readonly instancePath: string; readonly message: string }[];
}

function check<T>(
  validator: Validator<T>,
  message: Record<string, unknown>,
  type: string,
): asserts message is Record<string, unknown> & T {
  if (validator.Check(message)) return;
  const error = validator.Errors(message)[0];
  throw broken(
    `Message "${type}" is wrong at "${error?.instancePath ?? ""}": ${error?.message ?? ""}`,
  );
}

function broken(message: string): ProxyError {
  return new ProxyError("agent_protocol_error", message);
}
