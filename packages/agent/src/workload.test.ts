import assert from "node:assert/strict";
import { Socket } from "node:net";
import { mock, test } from "node:test";
import { silentLogger } from "@porchlight/runtime/logger";
import { type TargetPolicy, parseCidrs, parsePorts } from "@porchlight/runtime/target-policy";
import { ConnectionPool } from "./connection-pool.ts";
import { FakeStream, startTarget } from "./fake-stream.ts";
import { Workload } from "./workload.ts";

const POLICY: TargetPolicy = { ports: parsePorts("*"), allow: parseCidrs("127.0.0.0/8") };

function workload(): Workload {
  return new Workload({
    policy: () => POLICY,
    pool: new ConnectionPool(() => POLICY),
    logger: silentLogger(),
    throttle: undefined,
    refusal: () => undefined,
    onRecord: () => undefined,
  });
}

test("Workload: the kernel asks after the target of a tunnel that lasts, and of no short one", async () => {
  mock.timers.enable({ apis: ["setInterval"] });
  const asks = mock.method(Socket.prototype, "setKeepAlive");
  try {
    await using target = await startTarget((socket) => socket.write("hello"));
    const work = workload();
    const take = async () => {
      const stream = new FakeStream();
      const { port } = target;
      const open = { kind: "tcp", jobId: "job_1", host: "127.0.0.1", port } as const;
      const taken = work.take(stream, open);
      taken.onData(Buffer.from("hello?"));
      await stream.written;
      return taken;
    };
    const short = await take();
    short.onEnd(undefined);
    const lasting = await take();
    mock.timers.tick(29_999);
    assert.equal(asks.mock.callCount(), 0);
    mock.timers.tick(1);
    assert.deepEqual(asks.mock.calls.at(-1)?.arguments, [true, 60_000]);
    lasting.onEnd(undefined);
  } finally {
    mock.timers.reset();
    mock.restoreAll();
  }
});
