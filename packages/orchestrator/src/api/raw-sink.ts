/** Streams a job's answer to the client as it comes: `format: raw`. */
import type { ServerResponse } from "node:http";
import { readBlocks } from "@porchlight/runtime/read-blocks";
import { breakOff, finish } from "../http/answer.ts";
import { exactHeaders, flushHead } from "../http/exact-headers.ts";
import type { Job, JobSink, Serving } from "../jobs/job.ts";
import { rawHead } from "./raw-head.ts";

/**
 * Hands every piece on and gives its credit back once the client has taken it: a slow client holds up its own
 * stream and costs no more memory here than the stream's window (faults F10).
 */
export class RawSink implements JobSink {
  readonly #response: ServerResponse;
  readonly #job: Job;
  #committed = false;
  #hasBody = false;
  /** Kept, and handed to the response, which has not written it yet. */
  readonly #writing: Uint8Array[] = [];
  /** Bytes written and not yet taken by the client's connection. */
  #owedBytes = 0;
  #consume: ((bytes: number) => void) | undefined;

  constructor(response: ServerResponse, job: Job) {
    this.#response = response;
    this.#job = job;
    response.on("drain", this.#giveBack);
    // An answer that has ended drains no more, and one whose client is gone never will.
    response.on("close", this.#onClose);
  }

  get committed(): boolean {
    return this.#committed;
  }

  begin(serving: Serving): void {
    this.#committed = true;
    const { status, headers } = rawHead(serving, this.#job);
    this.#response.writeHead(status, [...exactHeaders(headers)]);
    // Mostly the body comes in this tick and takes the head along; a body that is late must not hold it up.
    setImmediate(() => {
      if (!this.#hasBody) flushHead(this.#response);
    });
  }

  data(chunk: Uint8Array, consume: (bytes: number) => void): void {
    if (this.#response.destroyed) return consume(chunk.length);
    this.#hasBody = true;
    this.#consume = consume;
    this.#owedBytes += chunk.length;
    const kept = readBlocks.keep(chunk);
    this.#writing.push(kept);
    if (this.#response.write(kept, this.#onWritten)) this.#giveBack();
  }

  reset(): void {
    throw new TypeError("An answer that has begun cannot be taken back");
  }

  /** The answer is complete. */
  end(): void {
    finish(this.#response);
  }

  /** The answer has failed. */
  abort(): void {
    breakOff(this.#response);
  }

  /** Comes for every write, in order; not for all when the client goes. */
  readonly #onWritten = (): void => {
    const kept = this.#writing.shift();
    if (kept !== undefined) readBlocks.drop(kept);
  };

  readonly #onClose = (): void => {
    this.#giveBack();
    for (const kept of this.#writing.splice(0)) readBlocks.drop(kept);
  };

  readonly #giveBack = (): void => {
    const bytes = this.#owedBytes;
    this.#owedBytes = 0;
    if (bytes > 0) this.#consume?.(bytes);
  };
}
