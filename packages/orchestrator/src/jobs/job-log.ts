/** The one line a job leaves in the log: who, through whom, how it ended. Never a path, a header or a body. */
import { roundMs } from "@porchlight/protocol/round-ms";
import type { SessionView } from "@porchlight/protocol/job";
import type { Logger } from "@porchlight/runtime/logger";
import type { JobOutcome } from "./job.ts";
import type { JobRun } from "./job-run.ts";

/** Logs the end of a job at `info`; builds nothing below that level. */
export function logJob(logger: Logger, run: JobRun, { outcome, nowMs }: EndedJob): void {
  if (!logger.isLevelEnabled("info")) return;
  const { job, attempt } = run;
  const serving = outcome.status === "completed" ? outcome.serving : undefined;
  const fields = {
    jobId: job.id,
    requestId: job.requestId,
    account: job.account,
    agentId: attempt?.record.id,
    linkId: attempt?.linkId,
    method: job.method,
    host: job.host,
    status: outcome.status,
    statusCode: serving?.head.status,
    code: outcome.status === "completed" ? undefined : outcome.error.code,
    attempts: outcome.attempts.length,
    session: sessionState(serving?.session),
    bytesSent: attempt === undefined ? 0 : (job.body?.length ?? 0),
    bytesReceived: attempt?.receivedBytes ?? 0,
    ms: roundMs(nowMs - run.startedAtMs),
  };
  logger.info(fields, `Job ${outcome.status}`);
}

/** For logs: the client's name of a session is its own business (faults F27). */
export function sessionState(session: SessionView | undefined): "kept" | "moved" | undefined {
  if (session === undefined) return undefined;
  return session.moved ? "moved" : "kept";
}

interface EndedJob {
  readonly outcome: JobOutcome;
  readonly nowMs: number;
}
