/** What this door needs of the rooms below, by meaning. */
import type { Registry } from "../agents/registry.ts";
import type { Job, JobSink, RunningJob } from "../jobs/job.ts";

/** Runs jobs. */
export interface JobRunner {
  run(job: Job, sink: JobSink): RunningJob;
}

/** The agents as users see and change them. */
export type AgentPool = Pick<Registry, "views" | "find" | "pause" | "activate" | "disconnect">;
