import assert from "node:assert/strict";
import { test } from "node:test";
import type { Problem } from "@porchlight/protocol/job";
import { BLOCK_BYTES, readBlocks } from "@porchlight/runtime/read-blocks";
import { ApiClient, json } from "@porchlight/testkit/api-client";
import { openRaw } from "@porchlight/testkit/raw-http";
import { until } from "@porchlight/testkit/until";
import { startApi, type FakeRun, type RunningApi } from "./test-fakes.ts";

const JOB = { url: "http://example.com/" };
const BODY = JSON.stringify({ ...JOB, format: "raw" });

function clientOf({ origin }: RunningApi): ApiClient {
  return new ApiClient({ origin, key: "client" });
}

function requestText(version: string, body = BODY): string {
  return (
    `POST /v1/request HTTP/${version}\r\nHost: a\r\nAuthorization: Bearer client\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  );
}

test("format raw: status, headers and body of the target, with the job's headers", async () => {
  await using api = await startApi();
  api.jobs.onRun = (run) =>
    run
      .begin({
        status: 418,
        headers: ["Set-Cookie", "a", "set-cookie", "b", "Content-Length", "4"],
      })
      .data("te")
      .data("xt")
      .complete();
  const { status, headers, body } = await clientOf(api).post({ ...JOB, format: "raw" });
  assert.equal(status, 418);
  assert.deepEqual(headers["set-cookie"], ["a", "b"]);
  assert.equal(headers["content-length"], "4");
  assert.equal(headers["porchlight-job"], api.jobs.runs[0]?.job.id);
  assert.equal(headers["porchlight-exit"], "agent_1");
  assert.equal(headers["porchlight-attempts"], "1");
  assert.match(String(headers["x-request-id"]), /^req_/);
  assert.equal(body.toString(), "text");
});

test("format raw: the head arrives before a body that is late, and pieces as they come", async () => {
  await using api = await startApi();
  const next = api.jobs.next();
  const answer = clientOf(api).raw(JOB);
  const run = await next;
  run.begin({ headers: ["A", "1"] });
  const { headers, body } = await answer;
  assert.equal(headers["a"], "1");
  const pieces = body[Symbol.asyncIterator]();
  run.data("one");
  assert.equal(String((await pieces.next()).value), "one");
  run.data("two");
  assert.equal(String((await pieces.next()).value), "two");
  run.complete();
  assert.equal((await pieces.next()).done, true);
});

test("format raw: answers without a body", async () => {
  await using api = await startApi();
  const client = clientOf(api);
  for (const [status, method] of [
    [204, "GET"],
    [304, "GET"],
    [200, "HEAD"],
    [404, "HEAD"],
  ] as const) {
    api.jobs.onRun = (run) => run.begin({ status, headers: ["Content-Length", "1234"] }).complete();
    const answer = await client.post({ ...JOB, method, format: "raw" });
    assert.equal(answer.status, status);
    assert.equal(answer.body.length, 0);
  }
});

test("format raw: a failure before the head is a problem", async () => {
  await using api = await startApi();
  api.jobs.onRun = (run) => run.fail("connection_refused", "The target refused the connection");
  const answer = await clientOf(api).post({ ...JOB, format: "raw" });
  assert.equal(answer.status, 502);
  assert.equal((json(answer) as Problem).code, "connection_refused");
});

test("faults F1: a failure after the head breaks the connection, however the body is framed", async () => {
  for (const headers of [["Content-Length", "10"], []]) {
    await using api = await startApi();
    const next = api.jobs.next();
    const answer = clientOf(api).raw(JOB);
    const run = (await next).begin({ headers }).data("short");
    const { body } = await answer;
    const pieces = body[Symbol.asyncIterator]();
    await pieces.next();
    run.fail("agent_lost", "The agent's link is gone");
    await assert.rejects(pieces.next(), { code: "ECONNRESET" });
  }
});

test("faults F1: a body that only the connection's end would end is reset too", async () => {
  await using api = await startApi();
  const next = api.jobs.next();
  using raw = await openRaw(api.port);
  raw.write(requestText("1.0"));
  const run = (await next).begin().data("short");
  await raw.untilText("short");
  run.fail("agent_lost", "The agent's link is gone");
  assert.equal(await raw.untilEnd(), "error");
});

test("faults F10: a client that does not read gets no more than it takes", async () => {
  await using api = await startApi();
  const next = api.jobs.next();
  using raw = await openRaw(api.port);
  raw.socket.pause();
  raw.write(requestText("1.1"));
  const run = (await next).begin();
  const chunk = Buffer.alloc(65_536, "x");
  let sentBytes = 0;
  // What the sockets of both sides hold is the kernel's business; beyond it, nothing is given back.
  while (run.consumedBytes === sentBytes && sentBytes < 1e9) {
    run.data(chunk);
    sentBytes += chunk.length;
    await new Promise(setImmediate);
  }
  assert.ok(sentBytes < 1e8, `${sentBytes} bytes were taken`);
  raw.socket.resume();
  await until("the credit of everything", () => run.consumedBytes === sentBytes);
  run.complete();
  await raw.untilText("\r\n0\r\n\r\n");
  assert.ok(raw.received.length > sentBytes);
});

test("faults F10: the credit of an answer's last bytes comes back, taken by the client or not", async () => {
  await using api = await startApi();
  for (const leaves of [false, true]) {
    const next = api.jobs.next();
    const raw = await openRaw(api.port);
    raw.socket.pause();
    raw.write(requestText("1.0"));
    const run = (await next).begin();
    run.data(Buffer.alloc(30_000_000, "x"));
    run.complete();
    await new Promise(setImmediate);
    assert.equal(run.consumedBytes, 0);
    if (leaves) raw.socket.destroy();
    else raw.socket.resume();
    await until("the credit of everything", () => run.consumedBytes === 30_000_000);
    raw.socket.destroy();
  }
});

test("faults A28: what still comes for a client that has gone is dropped and given back", async () => {
  await using api = await startApi();
  const next = api.jobs.next();
  const raw = await openRaw(api.port);
  raw.write(requestText("1.1"));
  const run = (await next).begin().data("a");
  await raw.untilText("200 OK");
  raw.socket.destroy();
  assert.equal(await run.cancelled, "The client went away");
  run.data("late");
  assert.equal(run.consumedBytes, 5);
});

/** Gives a run as many pieces as asked for, each in memory that is used again as soon as it may be. */
function lendPieces(run: FakeRun, pieces: number): void {
  for (let piece = 0; piece < pieces; piece++) {
    const block = readBlocks.acquire() ?? assert.fail("No block came");
    block.bytes.fill(FIRST_LETTER + piece);
    run.lend(block.bytes);
    readBlocks.release(block);
  }
}

const FIRST_LETTER = "a".charCodeAt(0);

test("format raw: a body stays as it was lent until the client has it, and its memory comes back", async () => {
  await using api = await startApi();
  const before = readBlocks.lent;
  const next = api.jobs.next();
  using raw = await openRaw(api.port);
  raw.socket.pause();
  raw.write(requestText("1.0"));
  const run = (await next).begin();
  lendPieces(run, 26);
  assert.ok(readBlocks.lent >= before + 20, "what waits is kept, not copied");
  run.complete();
  raw.socket.resume();
  await raw.untilEnd();
  const body = raw.received.subarray(raw.received.indexOf("\r\n\r\n") + 4);
  const pieces = Array.from({ length: 26 }, (_, piece) =>
    Buffer.alloc(BLOCK_BYTES, FIRST_LETTER + piece),
  );
  assert.ok(body.equals(Buffer.concat(pieces)));
  await until("the memory", () => readBlocks.lent === before);
});

test("format raw: the memory of a body comes back when its client goes", async () => {
  await using api = await startApi();
  const before = readBlocks.lent;
  const next = api.jobs.next();
  const raw = await openRaw(api.port);
  raw.socket.pause();
  raw.write(requestText("1.1"));
  const run = (await next).begin();
  lendPieces(run, 50);
  await new Promise(setImmediate);
  assert.ok(readBlocks.lent > before);
  raw.socket.destroy();
  await run.cancelled;
  await until("the memory", () => readBlocks.lent === before);
});

test("format raw: an answer whose turn on its connection never comes is cancelled, and gives its memory back", async () => {
  await using api = await startApi();
  const before = readBlocks.lent;
  const raw = await openRaw(api.port);
  const first = api.jobs.next();
  raw.write(requestText("1.1"));
  const unanswered = await first;
  const second = api.jobs.next();
  raw.write(requestText("1.1"));
  const waiting = (await second).begin();
  lendPieces(waiting, 3);
  assert.ok(readBlocks.lent > before);
  raw.socket.destroy();
  await unanswered.cancelled;
  await waiting.cancelled;
  await until("the memory", () => readBlocks.lent === before);
});
