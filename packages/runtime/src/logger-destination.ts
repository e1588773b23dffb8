import { pino } from "pino";

/** A batch is written when it has this size, or after the time below. Bytes. */
const BATCH_BYTES = 4096;
const BATCH_MS = 100;

/** What may wait for a disk that is full or a reader that is slow; lines beyond are lost and counted. Bytes. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/**
 * Collects lines and writes them together; what is left is written at exit. A destination that fails
 * never ends the process: lines that had to be dropped are counted and reported once it works again (faults F17).
 */
export function createLogDestination(fd: number): ReturnType<typeof pino.destination> {
  const stream = pino.destination({
    fd,
    sync: false,
    minLength: BATCH_BYTES,
    periodicFlush: BATCH_MS,
    maxLength: MAX_WAITING_BYTES,
  });
  let lostLines = 0;
  stream.on("error", () => {});
  stream.on("drop", () => {
    lostLines += 1;
  });
  stream.on("drain", () => {
    if (lostLines === 0) return;
    const report = { level: "warn", time: new Date().toISOString(), lostLines };
    lostLines = 0;
    stream.write(`${JSON.stringify({ ...report, msg: "Log lines were lost" })}\n`);
  });
  return stream;
}
