/** Which agent each running job has been given to, across all links of this node (faults G6). */
export class JobOwners {
  readonly #agentByJob = new Map<string, string>();

  claim(jobId: string, agentId: string): void {
    this.#agentByJob.set(jobId, agentId);
  }

  /** Only the owner's claim is taken back: the job may have gone to another agent by now. */
  release(jobId: string, agentId: string): void {
    if (this.#agentByJob.get(jobId) === agentId) this.#agentByJob.delete(jobId);
  }

  /** Id of the agent that runs the job. */
  ownerOf(jobId: string): string | undefined {
    return this.#agentByJob.get(jobId);
  }
}
