import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ProtocolViolation } from "./frame.ts";
import { MAX_WINDOW_BYTES, PRESSED_WINDOW_BYTES } from "./limits.ts";
import { ReceiveWindow } from "./receive-window.ts";

const WINDOW = 1024 * 1024;
const CALM = { rttMs: 100, pressed: false };

test("ReceiveWindow gives credit back once a quarter has been drained, not before", () => {
  const window = new ReceiveWindow(WINDOW, 0);
  window.receive(WINDOW / 2);
  window.drain(WINDOW / 4 - 1);
  assert.equal(window.grant(1000, CALM), 0);
  window.drain(1);
  assert.equal(window.grant(1000, CALM), WINDOW / 4);
});

test("faults G11: ReceiveWindow refuses more than the credit", () => {
  const window = new ReceiveWindow(WINDOW, 0);
  window.receive(WINDOW);
  assert.throws(() => window.receive(1), ProtocolViolation);
});

/** Drains whole windows, each in four parts and in so many milliseconds, and returns the window in the end. */
function drainWindows(windowMs: (windowBytes: number) => number, rttMs = 100): number {
  const window = new ReceiveWindow(WINDOW, 0);
  let nowMs = 0;
  for (let turn = 0; turn < 60; turn++) {
    const { windowBytes } = window;
    for (let part = 0; part < 4; part++) {
      window.receive(Math.floor(windowBytes / 4));
      window.drain(Math.ceil(windowBytes / 4));
    }
    nowMs += windowMs(windowBytes);
    window.grant(nowMs, { rttMs, pressed: false });
  }
  return window.windowBytes;
}

test("ReceiveWindow grows to the maximum while it is what limits the stream", () => {
  assert.equal(
    drainWindows(() => 125),
    MAX_WINDOW_BYTES,
  );
});

test("ReceiveWindow grows to 1.4 times what the line holds, and no further", () => {
  const bytesPerMs = 25_000;
  const windowBytes = drainWindows((bytes) => Math.max(125, bytes / bytesPerMs));
  assert.ok(Math.abs(windowBytes / (bytesPerMs * 100) - 1.4) < 0.05, `${windowBytes}`);
});

test("ReceiveWindow stays where it is on a short line, however fast", () => {
  assert.equal(
    drainWindows(() => 1, 0.2),
    WINDOW,
  );
});

test("ReceiveWindow stays when its reader has let most of it wait", () => {
  const window = new ReceiveWindow(WINDOW, 0);
  for (let turn = 0; turn < 10; turn++) {
    window.receive(WINDOW);
    window.drain(WINDOW);
    window.grant(turn, CALM);
  }
  assert.equal(window.windowBytes, WINDOW);
});

test("ReceiveWindow shrinks under memory pressure by keeping credit back", () => {
  const window = new ReceiveWindow(WINDOW, 0);
  let granted = WINDOW;
  for (let turn = 0; turn < 10; turn++) {
    window.receive(granted);
    window.drain(granted);
    granted = window.grant(turn, { rttMs: 100, pressed: true });
  }
  assert.equal(window.windowBytes, PRESSED_WINDOW_BYTES);
  assert.ok(granted <= PRESSED_WINDOW_BYTES);
});

test("ReceiveWindow never lets backlog and credit exceed the largest window it had", () => {
  const step = fc.record({ receive: fc.nat(WINDOW), drain: fc.nat(WINDOW), ms: fc.nat(300) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const window = new ReceiveWindow(WINDOW, 0);
      let credit = WINDOW;
      let backlog = 0;
      let largest = WINDOW;
      let nowMs = 0;
      for (const { receive, drain, ms } of steps) {
        const received = Math.min(receive, credit);
        window.receive(received);
        credit -= received;
        backlog += received - window.drain(drain);
        backlog = window.backlogBytes;
        credit += window.grant((nowMs += ms), CALM);
        largest = Math.max(largest, window.windowBytes);
        assert.ok(backlog + credit <= largest);
      }
    }),
  );
});
