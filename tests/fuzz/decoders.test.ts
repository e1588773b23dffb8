/** Every decoder of what strangers send: any input is decoded, or refused by the error that stands for it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ProxyError } from "@porchlight/protocol/errors";
import { ProtocolViolation, decodeAbort, decodeJson } from "@porchlight/protocol/frame";
import { FrameReader } from "@porchlight/protocol/frame-reader";
import { announcedBodyBytes, checkHttpHead } from "@porchlight/protocol/http-head";
import { decodeAgentMessage } from "@porchlight/protocol/json-profile";
import { checkKeyFormat, roleOfKey } from "@porchlight/protocol/key-format";
import type { HttpHead } from "@porchlight/protocol/message";
import { parseMessage, parseOpen } from "@porchlight/protocol/message-check";
import { clientAddress } from "@porchlight/runtime/client-address";
import * as parsers from "@porchlight/runtime/settings-parsers";
import { judgeHost, parseCidrs, parseDomains, parsePorts } from "@porchlight/runtime/target-policy";
import { TextMessageReader } from "@porchlight/runtime/text-transport";
import { WebSocketReader, WebSocketViolation } from "@porchlight/runtime/websocket-reader";
import { parseJson } from "porchlight/api/json-body";
import { parseJobRequest } from "porchlight/jobs/job-request";
import { checkRequest } from "porchlight-agent/request-check";
import { FUZZ_RUNS } from "./runs.ts";

type Refusal = new (...args: never[]) => Error;

/** Calls a decoder with many inputs; whatever it throws has to be a `Refusal`. */
function survives<T>(
  input: fc.Arbitrary<T>,
  decode: (value: T) => unknown,
  refusal: Refusal,
): void {
  const property = fc.property(input, (value) => {
    try {
      decode(value);
    } catch (error) {
      if (!(error instanceof refusal)) throw error;
    }
  });
  fc.assert(property, { numRuns: FUZZ_RUNS });
}

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 400 }),
  fc.json().map((text) => new Uint8Array(Buffer.from(text))),
);
const text = fc.oneof(fc.string({ unit: "binary" }), fc.json(), fc.webUrl());

/** Values of the right names and, often, the wrong kinds. */
function nearly(names: readonly string[]): fc.Arbitrary<unknown> {
  const value = fc.oneof(
    fc.anything(),
    fc.webUrl(),
    fc.integer(),
    fc.constantFrom("http", "tcp", "GET", "POST", true, null, 200, ["a", "b"], { a: "b" }),
  );
  const record = fc.record(Object.fromEntries(names.map((name) => [name, value])), {
    requiredKeys: [],
  });
  return fc.oneof({ weight: 4, arbitrary: record }, { weight: 1, arbitrary: fc.anything() });
}

test("faults G3: frames, their JSON and their ABORT", () => {
  const sink = { onData: () => undefined, onControl: () => undefined };
  survives(bytes, (input) => new FrameReader(sink).push(input, true), ProtocolViolation);
  survives(bytes, decodeJson, ProtocolViolation);
  survives(bytes, decodeAbort, ProtocolViolation);
});

test("faults G3: control messages", () => {
  const names = [
    "kind",
    "version",
    "name",
    "labels",
    "status",
    "headers",
    "url",
    "host",
    "port",
    "reason",
  ];
  const value = nearly(names);
  for (const name of ["hello", "welcome", "drain", "status", "head", "trailers"] as const) {
    survives(value, (input) => parseMessage(name, input), ProtocolViolation);
  }
  survives(value, parseOpen, ProtocolViolation);
});

test("faults G3: WebSocket frames, and messages in text", () => {
  const sink = { onPiece() {}, onPing() {}, onPong() {}, onClose() {} };
  const read = (input: Uint8Array) =>
    new WebSocketReader({ masked: true, maxMessageBytes: 1000, sink }).push(Buffer.from(input));
  survives(bytes, read, WebSocketViolation);
  survives(text, (input) => new TextMessageReader().take(input), RangeError);
});

test("faults G3, G9: messages of the JSON profile", () => {
  const names = ["type", "jobId", "statusCode", "headers", "body", "error", "name", "version", "t"];
  const types = fc.constantFrom("hello", "result", "pong", "job", "");
  const message = fc.tuple(nearly(names), types).map(([value, type]) => {
    const object = typeof value === "object" ? value : { value };
    return JSON.stringify({ ...object, type }, (_, member: unknown) =>
      typeof member === "bigint" ? String(member) : member,
    );
  });
  survives(fc.oneof(message, text), decodeAgentMessage, ProxyError);
});

test("faults G9, G10: response heads of agents", () => {
  const head = fc.record({
    kind: fc.constant("http" as const),
    status: fc.integer(),
    headers: fc.array(fc.oneof(fc.string({ unit: "binary" }), fc.constant("Content-Length"))),
    url: text,
    redirects: fc.nat(),
    timings: fc.constant({ dnsMs: 0, connectMs: 0, tlsMs: 0, ttfbMs: 0 }),
  });
  const judge = (input: HttpHead) => checkHttpHead(input) ?? announcedBodyBytes("GET", input);
  survives(head, judge, ProxyError);
});

test("faults A1, A4 to A13: bodies and fields of jobs", () => {
  survives(bytes, (input) => parseJson(Buffer.from(input)), ProxyError);
  const origin = { jobId: "job_1", requestId: "req_1", account: "acme" };
  const rules = {
    timeoutMs: 30_000,
    maxResponseBytes: 1_000_000,
    targets: { ports: parsePorts("*"), allow: [] },
    geo: { places: true, networks: true },
  };
  const names = [
    "url",
    "method",
    "headers",
    "body",
    "bodyBase64",
    "timeoutMs",
    "labels",
    "metadata",
  ];
  survives(nearly(names), (input) => parseJobRequest(input, origin, rules), ProxyError);
});

test("faults A8 to A12, G17: what an orchestrator asks of an agent", () => {
  const open = fc.record({
    kind: fc.constant("http" as const),
    jobId: fc.constant("job_1"),
    account: fc.constant("acme"),
    method: fc.oneof(fc.constant("GET"), fc.string({ unit: "binary" })),
    url: text,
    headers: fc.array(fc.string({ unit: "binary" })),
    bodyBytes: fc.nat(),
    timeoutMs: fc.nat(),
    followRedirects: fc.boolean(),
    maxRedirects: fc.nat(),
  });
  survives(open, checkRequest, ProxyError);
});

test("faults A15: hosts, addresses and what is written about them", () => {
  const policy = { ports: parsePorts("80"), allow: parseCidrs("10.0.0.0/8") };
  const host = fc.oneof(text, fc.ipV4Extended(), fc.ipV6(), fc.domain());
  survives(host, (input) => judgeHost(input, 80, policy), ProxyError);
  survives(host, (input) => clientAddress(input, input, policy.allow), ProxyError);
  for (const parse of [parseCidrs, parsePorts, parseDomains]) survives(text, parse, ProxyError);
});

test("settings and keys", () => {
  const { parseBoolean, parseHours, parseLabels, parseList } = parsers;
  const { parseListenAddress, parseNonNegative, parseOptionalListenAddress } = parsers;
  const all = [parseBoolean, parseHours, parseLabels, parseList, parseListenAddress];
  for (const parse of [...all, parseNonNegative, parseOptionalListenAddress]) {
    survives(text, parse, ProxyError);
  }
  fc.assert(
    fc.property(text, (key) => {
      assert.notEqual(checkKeyFormat(key), "ok");
      assert.equal(roleOfKey(key), undefined);
    }),
    { numRuns: FUZZ_RUNS },
  );
});
