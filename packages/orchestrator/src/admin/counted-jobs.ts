import type { Job, JobOutcome, JobSink, RunningJob } from "../jobs/job.ts";

/** Runs jobs. */
interface JobRunner {
  run(job: Job, sink: JobSink): RunningJob;
}

/** Runs jobs as `jobs` does and tells `ended` of each one's outcome and its milliseconds. */
export class CountedJobs implements JobRunner {
  readonly #jobs: JobRunner;
  readonly #ended: (outcome: JobOutcome, ms: number) => void;
  readonly #now: () => number;

  constructor(
    jobs: JobRunner,
    ended: (outcome: JobOutcome, ms: number) => void,
    now: () => number = () => performance.now(),
  ) {
    this.#jobs = jobs;
    this.#ended = ended;
    this.#now = now;
  }

  run(job: Job, sink: JobSink): RunningJob {
    const startedAtMs = this.#now();
    const running = this.#jobs.run(job, sink);
    void running.outcome.then((outcome) => this.#ended(outcome, this.#now() - startedAtMs));
    return running;
  }
}
