import type { Readable } from "node:stream";
import { until } from "./until.ts";

/** One JSON line of a program's log; `text` is the line as it came. */
export interface LogLine {
  readonly text: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Everything a process has printed, line by line; lines that are no JSON objects have no fields. */
export class LogLines {
  readonly lines: LogLine[] = [];
  #rest = "";

  /** Takes all that comes out of `stream` from now on. */
  follow(stream: Readable): void {
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      const lines = (this.#rest + text).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) this.lines.push({ text: line, fields: fieldsOf(line) });
    });
  }

  /** The whole log, for messages and for searching for what must not be in it. */
  get text(): string {
    return [...this.lines.map((line) => line.text), this.#rest].join("\n");
  }

  find(predicate: (line: LogLine) => boolean): LogLine | undefined {
    return this.lines.find(predicate);
  }

  /** Waits for a line whose text holds `text` (or matches it). */
  waitFor(text: string | RegExp, deadlineMs = 5_000): Promise<LogLine> {
    const matches = (line: LogLine): boolean =>
      typeof text === "string" ? line.text.includes(text) : text.test(line.text);
    return until(`a log line with ${String(text)}`, () => this.find(matches), deadlineMs);
  }
}

function fieldsOf(line: string): Record<string, unknown> {
  if (!line.startsWith("{")) return {};
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return {};
  }
}
