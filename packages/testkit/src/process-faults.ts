/**
 * Loaded before a program (`--import`): gives it a wrong clock (`FAULT_CLOCK_SKEW_MS`), blocks its event loop for
 * `FAULT_BLOCK_MS` at SIGUSR2, and lets names resolve by a script (`FAULT_NAMES`, a `NameScript` as JSON).
 */
import { scriptNames, type NameScript } from "./scripted-names.ts";

const skewMs = Number(process.env["FAULT_CLOCK_SKEW_MS"] ?? 0);
const blockMs = Number(process.env["FAULT_BLOCK_MS"] ?? 0);
const names = process.env["FAULT_NAMES"];

if (skewMs !== 0) {
  const TrueDate = Date;
  globalThis.Date = new Proxy(TrueDate, {
    construct: (target, args: unknown[]): Date =>
      Reflect.construct(target, args.length === 0 ? [TrueDate.now() + skewMs] : args) as Date,
    get: (target, name): unknown =>
      name === "now" ? () => TrueDate.now() + skewMs : Reflect.get(target, name),
  });
}

if (blockMs > 0) {
  const never = new Int32Array(new SharedArrayBuffer(4));
  process.on("SIGUSR2", () => void Atomics.wait(never, 0, 0, blockMs));
}

if (names !== undefined) scriptNames(JSON.parse(names) as NameScript);
