import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { onSignals, type SignalledProcess } from "./shutdown.ts";

class FakeProcess extends EventEmitter implements SignalledProcess {
  readonly platform: string;
  readonly exits: number[] = [];

  constructor(platform = "linux") {
    super();
    this.platform = platform;
  }

  exit(code: number): void {
    this.exits.push(code);
  }
}

const never = () => new Promise<number>(() => {});
const settled = () => setImmediate();

test("onSignals runs the handler on the first signal and exits with its code", async () => {
  const target = new FakeProcess();
  const seen: string[] = [];
  onSignals(
    async (signal) => {
      seen.push(signal);
      return 7;
    },
    { target },
  );
  target.emit("SIGTERM", "SIGTERM");
  assert.deepEqual(target.exits, [], "not before the handler is done");
  await settled();
  assert.deepEqual([seen, target.exits], [["SIGTERM"], [7]]);
});

test("onSignals exits 1 when the handler rejects", async () => {
  const target = new FakeProcess();
  onSignals(() => Promise.reject(new Error("no")), { target });
  target.emit("SIGINT", "SIGINT");
  await settled();
  assert.deepEqual(target.exits, [1]);
});

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  test(`onSignals exits ${code} at once on a second signal, ${signal}`, () => {
    const target = new FakeProcess();
    let nowMs = 0;
    onSignals(never, { target, now: () => nowMs });
    target.emit("SIGTERM", "SIGTERM");
    nowMs = 251;
    target.emit(signal, signal);
    assert.deepEqual(target.exits, [code]);
  });
}

test("onSignals takes copies of one Ctrl-C, from the terminal, npm and the launcher, for one", () => {
  const target = new FakeProcess();
  let nowMs = 0;
  let calls = 0;
  onSignals(
    () => {
      calls += 1;
      return never();
    },
    { target, now: () => nowMs },
  );
  for (nowMs = 0; nowMs <= 250; nowMs += 125) target.emit("SIGINT", "SIGINT");
  assert.deepEqual([calls, target.exits], [1, []]);
});

test("onSignals leaves SIGHUP alone, except on Windows, where it is the window closing", () => {
  const linux = new FakeProcess();
  onSignals(never, { target: linux });
  assert.deepEqual(linux.eventNames(), ["SIGINT", "SIGTERM"]);
  const windows = new FakeProcess("win32");
  onSignals(never, { target: windows });
  assert.deepEqual(windows.eventNames(), ["SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP"]);
});

test("onSignals takes its listeners back", () => {
  const target = new FakeProcess();
  onSignals(never, { target })();
  assert.deepEqual(target.eventNames(), []);
});
