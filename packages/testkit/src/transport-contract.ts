/** What every carrier of the agent link has to do, whatever it is made of. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { MAX_MESSAGE_BYTES } from "@porchlight/protocol/limits";
import type { Transport } from "@porchlight/protocol/transport";
import { until } from "./until.ts";

/** Two connected ends, ended together by `dispose`. */
export interface TransportPair extends AsyncDisposable {
  readonly a: Transport;
  readonly b: Transport;
}

/** What an end has heard. */
class Heard {
  readonly messages: Buffer[] = [];
  readonly closes: { code: number; reason: string }[] = [];
  drains = 0;
  #pieces: Uint8Array[] = [];

  constructor(transport: Transport) {
    transport.setHandler({
      onMessage: (piece, isLast) => this.#onMessage(piece, isLast),
      onDrain: () => void this.drains++,
      onClose: (code, reason) => void this.closes.push({ code, reason }),
    });
  }

  #onMessage(piece: Uint8Array, isLast: boolean): void {
    this.#pieces.push(Buffer.from(piece));
    if (!isLast) return;
    this.messages.push(Buffer.concat(this.#pieces));
    this.#pieces = [];
  }
}

function send(transport: Transport, ...parts: Uint8Array[]): void {
  const totalBytes = parts.reduce((sum, part) => sum + part.length, 0);
  transport.send({ parts, totalBytes, roomBytes: 0 });
}

/** Registers the suite's tests for one carrier. */
export function transportContract(name: string, connect: () => Promise<TransportPair>): void {
  test(`${name}: messages arrive whole, in order, both ways, whatever their parts and sizes`, async () => {
    await using pair = await connect();
    const [atA, atB] = [new Heard(pair.a), new Heard(pair.b)];
    const sizes = [1, 2, 3, 125, 126, 24_575, 24_576, 24_577, 65_535, 65_536, MAX_MESSAGE_BYTES];
    const sent = sizes.map((size) => randomBytes(size));
    for (const message of sent) {
      const middle = Math.floor(message.length / 2);
      send(pair.a, message.subarray(0, middle), message.subarray(middle));
      send(pair.b, message);
    }
    await until(
      "all messages",
      () => atA.messages.length === sizes.length && atB.messages.length === sizes.length,
    );
    assert.deepEqual(atA.messages, sent);
    assert.deepEqual(atB.messages, sent);
  });

  test(`${name}: room in front of a message is written to, nothing before it`, async () => {
    await using pair = await connect();
    const [, atB] = [new Heard(pair.a), new Heard(pair.b)];
    for (const [roomBytes, size] of [
      [3, 10],
      [24, 10],
      [24, 70_000],
    ] as const) {
      const buffer = Buffer.alloc(4 + roomBytes + size, "x");
      const part = buffer.subarray(4 + roomBytes);
      pair.a.send({ parts: [part], totalBytes: size, roomBytes });
      assert.equal(buffer.subarray(0, 4).toString(), "xxxx");
    }
    await until("three messages", () => atB.messages.length === 3);
    assert.deepEqual(
      atB.messages.map((message) => message.toString()),
      [10, 10, 70_000].map((size) => "x".repeat(size)),
    );
  });

  test(`${name}: bufferedBytes grows with what is handed over, and onDrain comes when it has left`, async () => {
    await using pair = await connect();
    const [atA, atB] = [new Heard(pair.a), new Heard(pair.b)];
    let count = 0;
    const message = randomBytes(MAX_MESSAGE_BYTES);
    for (; pair.a.bufferedBytes < 8 * MAX_MESSAGE_BYTES && count < 200; count++) {
      send(pair.a, message);
    }
    assert.ok(pair.a.bufferedBytes > 0);
    await until("everything to leave", () => atB.messages.length === count && atA.drains > 0);
    await until("the buffer to empty", () => pair.a.bufferedBytes === 0);
  });

  test(`${name}: close reaches the other side with code and reason; both hear onClose once`, async () => {
    await using pair = await connect();
    const [atA, atB] = [new Heard(pair.a), new Heard(pair.b)];
    send(pair.a, Buffer.from("last words"));
    pair.a.close(4409, "Replaced by a newer connection");
    pair.a.close(1000, "again");
    await until("both ends to close", () => atA.closes.length > 0 && atB.closes.length > 0);
    assert.deepEqual(atB.messages.map(String), ["last words"]);
    assert.deepEqual(atB.closes, [{ code: 4409, reason: "Replaced by a newer connection" }]);
    assert.equal(atA.closes.length, 1);
  });

  test(`${name}: abort ends the carrier for both sides without a goodbye`, async () => {
    await using pair = await connect();
    const [atA, atB] = [new Heard(pair.a), new Heard(pair.b)];
    pair.a.abort();
    await until("both ends to close", () => atA.closes.length > 0 && atB.closes.length > 0);
    assert.equal(atB.closes[0]?.code, 1006);
    send(pair.a, Buffer.from("into the void"));
  });

  test(`${name}: a reason longer than a close frame allows is cut, not refused`, async () => {
    await using pair = await connect();
    const atB = new Heard(pair.b);
    pair.a.close(4400, "ü".repeat(200));
    await until("the other end to close", () => atB.closes.length > 0);
    assert.match(atB.closes[0]?.reason ?? "", /^ü+$/u);
  });
}
