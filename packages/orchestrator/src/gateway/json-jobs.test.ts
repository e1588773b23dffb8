import assert from "node:assert/strict";
import { test } from "node:test";
import { ProxyError } from "@porchlight/protocol/errors";
import { JobOwners } from "./job-owners.ts";
import { JsonExchange } from "./json-exchange.ts";
import { JsonJobs } from "./json-jobs.ts";
import { HeardHttp, OPEN } from "./test-fakes.ts";

function setup() {
  const owners = new JobOwners();
  const jobs = new JsonJobs(owners);
  const start = (jobId: string) => {
    const heard = new HeardHttp();
    const open = { ...OPEN, jobId };
    const exchange = new JsonExchange({ open, listener: heard, startedAtMs: 0, cancel() {} });
    jobs.start(jobId, "agent_1", exchange);
    return heard;
  };
  return { owners, jobs, start };
}

test("faults G6: addresseeOf tells running, ended, foreign and unknown jobs apart", () => {
  const { owners, jobs, start } = setup();
  start("job_running");
  start("job_ended");
  jobs.end("job_ended");
  owners.claim("job_foreign", "agent_2");
  owners.claim("job_of_older_link", "agent_1");
  const addressees = ["running", "ended", "foreign", "unknown", "of_older_link"].map((job) =>
    jobs.addresseeOf(`job_${job}`, "agent_1"),
  );
  assert.deepEqual(addressees, ["running", "ended", "foreign", "unknown", "ended"]);
});

test("faults G6: a retry elsewhere keeps its owner when the first agent's claim ends", () => {
  const { owners, jobs, start } = setup();
  start("job_1");
  owners.claim("job_1", "agent_2");
  jobs.end("job_1");
  assert.equal(owners.ownerOf("job_1"), "agent_2");
});

test("faults G8: ended jobs are remembered in bounded memory, the latest longest", () => {
  const { jobs, start } = setup();
  for (let index = 0; index < 5_000; index++) {
    start(`job_${index}`);
    jobs.end(`job_${index}`);
  }
  assert.equal(jobs.addresseeOf("job_0", "agent_1"), "unknown");
  assert.equal(jobs.addresseeOf("job_4999", "agent_1"), "ended");
});

test("fail: every running job fails and is ended", () => {
  const { owners, jobs, start } = setup();
  const heard = [start("job_1"), start("job_2")];
  jobs.fail(new ProxyError("agent_lost", "The agent's link was lost"));
  assert.deepEqual(
    heard.map(({ error }) => error?.code),
    ["agent_lost", "agent_lost"],
  );
  assert.equal(jobs.addresseeOf("job_1", "agent_1"), "ended");
  assert.equal(owners.ownerOf("job_1"), undefined);
});
