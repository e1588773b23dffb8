import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, request, type IncomingMessage } from "node:http";
import { PassThrough, Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { listenOnLoopback } from "@porchlight/testkit/listen";
import { until } from "@porchlight/testkit/until";
import { passBody } from "./pass-body.ts";

const MIB = 1024 * 1024;

async function get(port: number): Promise<IncomingMessage> {
  const outgoing = request({ host: "127.0.0.1", port, agent: false }).end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  return response;
}

test("passBody: a download passes whole, and each of its pieces is freed", async () => {
  const content = randomBytes(8 * MIB);
  await using target = createServer((_, response) => response.end(content));
  const targetPort = await listenOnLoopback(target);
  const pieces: Buffer[] = [];
  await using relay = createServer((_, response) => {
    void get(targetPort).then((source) => {
      source.on("data", (piece: Buffer) => pieces.push(piece));
      source.once("end", () => response.end());
      passBody(source, response);
    });
  });
  const received = await buffer(await get(await listenOnLoopback(relay)));
  assert.ok(received.equals(content));
  assert.ok(pieces.length > 10);
  await until("all pieces to be freed", () => pieces.every(({ length }) => length === 0));
});

test("passBody: memory that a piece shares with others is left alone", async () => {
  const source = new PassThrough();
  const sink = new PassThrough();
  passBody(source, sink);
  const shared = Buffer.alloc(20, "a");
  const piece = shared.subarray(5, 10);
  source.write(piece);
  await once(sink, "data");
  await new Promise(setImmediate);
  assert.equal(shared.toString(), "a".repeat(20));
});

test("passBody: a sink that calls back twice does no harm", async () => {
  const source = new PassThrough();
  const sink = new PassThrough();
  const calls: (() => void)[] = [];
  sink.write = ((_: unknown, callback: () => void) =>
    calls.push(callback) > 0) as typeof sink.write;
  passBody(source, sink);
  const piece = Buffer.from(new ArrayBuffer(10));
  source.write(piece);
  await until("the write", () => calls.length === 1);
  calls[0]?.();
  assert.equal(piece.length, 0);
  assert.doesNotThrow(() => calls[0]?.());
});

test("passBody: a slow sink holds its source up, and nothing is freed before it is written", async () => {
  const content = randomBytes(MIB);
  const source = new PassThrough({ highWaterMark: content.length });
  const written: Buffer[] = [];
  let waiting: (() => void) | undefined;
  const sink = new Writable({
    highWaterMark: 100_000,
    write(piece: Buffer, _, done) {
      waiting = () => {
        written.push(Buffer.from(piece));
        done();
      };
    },
  });
  passBody(source, sink);
  for (let start = 0; start < content.length; start += 65_536) {
    source.write(Uint8Array.from(content.subarray(start, start + 65_536)));
  }
  await until("the sink to be full", () => source.isPaused());
  assert.ok(sink.writableLength < 200_000);
  const isWritten = (): boolean => {
    waiting?.();
    return Buffer.concat(written).length === content.length;
  };
  await until("everything to be written", isWritten);
  assert.ok(Buffer.concat(written).equals(content));
});

test("passBody: nothing more is written to a sink that has gone", async () => {
  const source = new PassThrough();
  const sink = new PassThrough();
  const errors: unknown[] = [];
  sink.on("error", (error) => errors.push(error));
  passBody(source, sink);
  sink.destroy();
  await once(sink, "close");
  source.write("late");
  await new Promise(setImmediate);
  assert.deepEqual(errors, []);
  assert.equal(source.readableLength, 4);
});
