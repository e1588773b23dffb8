import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { LogDestination, type LogFile } from "./logger-destination.ts";

type Answer = { readonly code: string } | { readonly bytes: number } | undefined;

/** A file that takes what it is told to: each write, asynchronous or not, gets the next answer; without one, all is written. */
class FakeFile implements LogFile {
  readonly answers: Answer[] = [];
  text = "";
  writes = 0;
  #done: (() => void) | undefined;

  write(bytes: Uint8Array, done: (error: NodeJS.ErrnoException | null, written: number) => void) {
    this.#done = () => {
      try {
        done(null, this.writeSync(bytes));
      } catch (error) {
        done(error as NodeJS.ErrnoException, 0);
      }
    };
  }

  writeSync(bytes: Uint8Array): number {
    this.writes += 1;
    const answer = this.answers.shift();
    if (answer !== undefined && "code" in answer) {
      throw Object.assign(new Error("write"), { code: answer.code });
    }
    const written = answer?.bytes ?? bytes.length;
    this.text += Buffer.from(bytes.subarray(0, written)).toString();
    return written;
  }

  /** Lets the write under way come to its end; whether there was one. */
  complete(): boolean {
    const done = this.#done;
    this.#done = undefined;
    done?.();
    return done !== undefined;
  }
}

function open(context: TestContext, ...answers: Answer[]) {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const file = new FakeFile();
  file.answers.push(...answers);
  const destination = new LogDestination(file);
  return { file, destination, tick: (ms: number) => context.mock.timers.tick(ms) };
}

test("LogDestination collects lines for 100 ms and writes them together", (context) => {
  const { file, destination, tick } = open(context);
  destination.write("one\n");
  destination.write("two\n");
  tick(99);
  assert.equal(file.complete(), false);
  tick(1);
  assert.ok(file.complete());
  assert.deepEqual([file.text, file.writes], ["one\ntwo\n", 1]);
});

test("LogDestination writes at once when 4096 characters wait, and one batch at a time", (context) => {
  const { file, destination } = open(context);
  const line = `${"x".repeat(4095)}\n`;
  destination.write(line);
  destination.write(line);
  file.complete();
  assert.equal(file.text, line);
  assert.ok(file.complete(), "what came meanwhile follows");
  assert.equal(file.text, line + line);
});

test("LogDestination goes on where a write ended early", (context) => {
  const { file, destination, tick } = open(context, { bytes: 3 });
  destination.write("grüße\n");
  tick(100);
  file.complete();
  file.complete();
  assert.equal(Buffer.from(file.text).toString().replaceAll("\uFFFD", ""), "grße\n");
  assert.equal(file.writes, 2);
});

test("LogDestination tries again when the reader is busy, in order", (context) => {
  const { file, destination, tick } = open(context, { code: "EAGAIN" });
  destination.write("one\n");
  tick(100);
  file.complete();
  destination.write("two\n");
  tick(100);
  while (file.complete()) tick(100);
  assert.equal(file.text, "one\ntwo\n");
});

test("LogDestination: faults F17, a full disk: lines are lost, counted, and reported when it works again", (context) => {
  const full = { code: "ENOSPC" };
  const { file, destination, tick } = open(context, full, full);
  for (const lines of ["one\n", "two\nthree\n", "four\n"]) {
    destination.write(lines);
    tick(100);
    file.complete();
  }
  tick(100);
  file.complete();
  const [survivor, report] = file.text.split("\n");
  assert.equal(survivor, "four");
  const { level, lostLines } = JSON.parse(report ?? "") as Record<string, unknown>;
  assert.deepEqual([level, lostLines], ["warn", 3]);
});

test("LogDestination: faults F17, a reader that stands still: at most 4 Mi characters wait, the rest is counted", (context) => {
  const { file, destination, tick } = open(context);
  const line = `${"x".repeat(1_048_575)}\n`;
  for (let i = 0; i < 7; i++) destination.write(line);
  while (file.complete()) tick(100);
  const lines = file.text.split("\n");
  assert.equal(lines.filter((text) => text.startsWith("x")).length, 5);
  assert.match(lines[5]?.slice(0, 200) ?? "", /"lostLines":2,/);
});

test("flushSync writes what waits, and what a busy reader had refused before it", (context) => {
  const { file, destination, tick } = open(context, { code: "EAGAIN" });
  destination.write("one\n");
  tick(100);
  file.complete();
  destination.write("two\n");
  destination.flushSync();
  tick(100);
  assert.equal(file.complete(), false, "written once");
  assert.equal(file.text, "one\ntwo\n");
});

test("flushSync: faults F17, gives up on a full disk, so that the process can exit", (context) => {
  const { file, destination } = open(context, { code: "ENOSPC" });
  destination.write("one\n");
  destination.flushSync();
  assert.deepEqual([file.text, file.writes], ["", 1]);
});

test("flushSync goes on after a part was written or the reader was busy for a moment", (context) => {
  const { file, destination } = open(context, { bytes: 2 }, { code: "EAGAIN" });
  destination.write("one\n");
  destination.flushSync();
  assert.deepEqual([file.text, file.writes], ["one\n", 3]);
});
