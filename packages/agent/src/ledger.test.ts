import assert from "node:assert/strict";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Ledger, type LedgerEntry, monthOf } from "./ledger.ts";

const MAY = new Date(2031, 4, 10, 12);

function unexpected(): void {
  assert.fail("No line should be lost");
}

function entry(changes: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    time: MAY,
    kind: "http",
    host: "a.example",
    sentBytes: 100,
    receivedBytes: 900,
    ms: 12,
    outcome: "completed",
    ...changes,
  };
}

async function temporaryFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ledger-"));
  context.after(() => rm(folder, { recursive: true }));
  return folder;
}

test("Ledger: one JSON line per job, a file per month", async (t) => {
  const folder = join(await temporaryFolder(t), "new", "ledger");
  const ledger = new Ledger({ folder, onLost: unexpected });
  ledger.append(entry());
  ledger.append(entry({ host: "b.example" }));
  ledger.append(entry({ time: new Date(2031, 5, 1) }));
  await ledger.flush();
  const lines = (await readFile(join(folder, "2031-05.jsonl"), "utf8")).trim().split("\n");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as unknown),
    [
      { ...entry(), time: MAY.toISOString() },
      { ...entry(), time: MAY.toISOString(), host: "b.example" },
    ],
  );
  assert.match(await readFile(join(folder, "2031-06.jsonl"), "utf8"), /^\{.*\}\n$/);
});

test("Ledger: the month's bytes are counted again after a restart, a cut line notwithstanding", async (t) => {
  const folder = await temporaryFolder(t);
  const ledger = new Ledger({ folder, onLost: unexpected });
  for (let i = 0; i < 1_000; i++) ledger.append(entry());
  await ledger.flush();
  await appendFile(join(folder, "2031-05.jsonl"), '{"sentBytes":5,"rece');
  const restarted = new Ledger({ folder, onLost: unexpected });
  assert.equal(await restarted.bytesInMonth(MAY), 1_000_000);
  assert.equal(await restarted.bytesInMonth(new Date(2031, 6, 1)), 0);
});

test("faults F17: a disk that takes nothing loses lines, says so once, and stops no work", async (t) => {
  const file = join(await temporaryFolder(t), "file");
  await writeFile(file, "");
  const lost: string[] = [];
  const ledger = new Ledger({ folder: join(file, "x"), onLost: (_, code) => lost.push(code) });
  for (let i = 0; i < 3; i++) {
    ledger.append(entry());
    await ledger.flush();
  }
  assert.deepEqual([lost.length, ledger.lostCount], [1, 3]);
});

test("faults F17: lines that wait for the disk are bounded", () => {
  const ledger = new Ledger({ folder: join(tmpdir(), "never-written"), onLost: unexpected });
  for (let i = 0; i < 10_005; i++) ledger.append(entry());
  assert.equal(ledger.lostCount, 5);
});

test("monthOf: local time", () => {
  assert.equal(monthOf(new Date(2031, 0, 31, 23, 59)), "2031-01");
});
