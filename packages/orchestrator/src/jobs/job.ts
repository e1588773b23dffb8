/**
 * A job inside the orchestrator: checked, with every default filled in; and the two parties around its run:
 * the sink that takes the answer, and the outcome that ends it.
 */
import type { Attempt, Exit, JobStatus, JobTimings, SessionView } from "@porchlight/protocol/job";
import type { ProxyError } from "@porchlight/protocol/errors";
import type { HttpHead } from "@porchlight/protocol/message";
import type { SessionWish, Targeting } from "../routing/request-options.ts";

/** A job ready to be dispatched. */
export interface Job {
  /** `job_` and 24 characters. */
  readonly id: string;
  readonly requestId: string;
  /** Who the key belongs to. */
  readonly account: string;
  readonly method: string;
  /** Normalised by the WHATWG URL parser, without user-info or fragment. */
  readonly url: string;
  /** For logs: the URL's host, nothing else of it. */
  readonly host: string;
  /** Name, value, name, value, … */
  readonly headers: readonly string[];
  readonly body: Uint8Array | undefined;
  /** Total, from acceptance to the last byte. */
  readonly timeoutMs: number;
  readonly followRedirects: boolean;
  readonly maxRedirects: number;
  readonly maxResponseBytes: number | undefined;
  readonly maxRetries: number;
  readonly retryUnsafe: boolean;
  readonly targeting: Targeting;
  readonly session?: SessionWish | undefined;
  /** 0..9; 9 is served first. */
  readonly priority: number;
  readonly tag: string | undefined;
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
}

/** What is known when the target's response head has arrived. */
export interface Serving {
  readonly head: HttpHead;
  readonly exit: Exit;
  /** Failed attempts so far, then the one that serves. */
  readonly attempts: readonly Attempt[];
  /** Of a job that asked for one. */
  readonly session?: SessionView;
}

/** Takes a job's answer as it comes. */
export interface JobSink {
  /** Something of this answer has reached the client: the job cannot be tried again. Read after every call. */
  readonly committed: boolean;
  begin(serving: Serving): void;
  /** A piece of the body, valid during the call only; `consume` gives credit back when it has been drained (at once, or later). */
  data(chunk: Uint8Array, consume: (bytes: number) => void): void;
  /** The attempt that had begun has failed and another one follows; only while not `committed`. */
  reset(): void;
}

/** How a job ended. */
export type JobOutcome =
  | {
      readonly status: Extract<JobStatus, "completed">;
      readonly serving: Serving;
      readonly attempts: readonly Attempt[];
      readonly bytes: { readonly sent: number; readonly received: number };
      readonly timings: JobTimings;
    }
  | {
      readonly status: Extract<JobStatus, "failed" | "cancelled">;
      readonly error: ProxyError;
      readonly attempts: readonly Attempt[];
    };

/** A job under way. */
export interface RunningJob {
  /** Resolves when the job has ended; never rejects. */
  readonly outcome: Promise<JobOutcome>;
  /** Ends it at every hop; the outcome is `cancelled`. Nothing happens when it has ended. */
  cancel(reason: string): void;
}
