import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mock, test, type TestContext } from "node:test";
import { FollowedFiles } from "./followed-files.ts";

/** Two files, and a value made of them that is refused when one says "bad". */
function setup(context: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), "porchlight-followed-"));
  context.after(() => rmSync(dir, { recursive: true }));
  const paths = ["a", "b"].map((name) => join(dir, name));
  // A time of its own for every write: clocks of file systems are coarse.
  let seconds = 1_700_000_000;
  const write = (index: number, text: string) => {
    const path = paths[index] ?? "";
    writeFileSync(path, text);
    utimesSync(path, ++seconds, seconds);
  };
  write(0, "a1");
  write(1, "b1");
  const log: string[] = [];
  const note = (level: string) => (_fields: object, message: string) =>
    void log.push(`${level}: ${message}`);
  const reads: string[] = [];
  const open = () =>
    new FollowedFiles({
      what: "pair",
      paths,
      read: (contents) => {
        const text = contents.join("+");
        reads.push(text);
        if (text.includes("bad")) throw new Error("It says bad");
        return text;
      },
      logger: { info: note("info"), error: note("error") } as never,
    });
  const start = () => {
    const files = open();
    const followed: string[] = [];
    files.follow((value) => followed.push(value));
    context.after(() => files.close());
    return { files, followed };
  };
  return { dir, paths, write, log, reads, open, start };
}

test("FollowedFiles: reads at once, and again only when a file has changed", async (t) => {
  const { write, reads, log, start } = setup(t);
  const { files, followed } = start();
  assert.equal(files.value, "a1+b1");
  await files.refresh();
  write(1, "b2");
  await files.refresh();
  await files.refresh();
  assert.equal(files.value, "a1+b2");
  assert.deepEqual(followed, ["a1+b2"]);
  assert.deepEqual(reads, ["a1+b1", "a1+b2"]);
  assert.deepEqual(log, ["info: New pair in use"]);
});

test("FollowedFiles: a broken file is read and told of once, and the old value kept", async (t) => {
  const { write, reads, log, start } = setup(t);
  const { files, followed } = start();
  write(0, "bad");
  await files.refresh();
  await files.refresh();
  assert.equal(files.value, "a1+b1");
  assert.deepEqual(reads, ["a1+b1", "bad+b1"]);
  assert.deepEqual(log, ["error: The new pair cannot be used; the old one stays"]);
  write(0, "a2");
  await files.refresh();
  assert.deepEqual(followed, ["a2+b1"]);
});

test("FollowedFiles: a missing file is told of once, until it is there again", async (t) => {
  const { paths, write, log, start } = setup(t);
  const { files, followed } = start();
  rmSync(paths[0] ?? "");
  await files.refresh();
  await files.refresh();
  assert.equal(log.length, 1);
  write(0, "a2");
  await files.refresh();
  assert.deepEqual(followed, ["a2+b1"]);
  rmSync(paths[0] ?? "");
  await files.refresh();
  assert.equal(log.length, 3);
});

test("FollowedFiles: a file of the same size and time that took its place is another one", async (t) => {
  const { dir, paths, start } = setup(t);
  const { files } = start();
  const next = join(dir, "next");
  writeFileSync(next, "A1");
  utimesSync(next, 1_700_000_001, 1_700_000_001);
  renameSync(next, paths[0] ?? "");
  await files.refresh();
  assert.equal(files.value, "A1+b1");
});

test("FollowedFiles: what a symbolic link on the way leads to may be exchanged", async (t) => {
  const { dir, paths, start } = setup(t);
  const [path = ""] = paths;
  for (const version of ["v1", "v2"]) {
    mkdirSync(join(dir, version));
    writeFileSync(join(dir, version, "a"), version);
  }
  const link = join(dir, "current");
  symlinkSync("v1", link);
  rmSync(path);
  symlinkSync(join("current", "a"), path);
  const { files } = start();
  assert.equal(files.value, "v1+b1");
  symlinkSync("v2", `${link}.next`);
  renameSync(`${link}.next`, link);
  await files.refresh();
  assert.equal(files.value, "v2+b1");
});

test("FollowedFiles: refuses to begin without its files, or with bad ones", (t) => {
  const { paths, write, open } = setup(t);
  write(1, "bad");
  assert.throws(open, /It says bad/);
  rmSync(paths[0] ?? "");
  assert.throws(open, { code: "ENOENT" });
});

test("FollowedFiles: looks every 2 s while followed, one look at a time", async (t) => {
  mock.timers.enable({ apis: ["setInterval"] });
  t.after(() => mock.timers.reset());
  const { write, reads, start } = setup(t);
  const { files, followed } = start();
  write(0, "a2");
  mock.timers.tick(6_000);
  await files.refresh();
  assert.deepEqual(followed, ["a2+b1"]);
  assert.equal(reads.length, 2);
  files.close();
  files.close();
  write(0, "a3");
  await files.refresh();
  assert.deepEqual(followed, ["a2+b1"], "nobody follows any more");
});
