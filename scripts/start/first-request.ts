/** The first request of `npm start`: through the API, the link and the agent, to the orchestrator's own `/ip`. */
import { setTimeout as sleep } from "node:timers/promises";
import type { AgentView, JobResult, Problem } from "@porchlight/protocol/job";
import type { Pool } from "./pool.ts";

/** How long both programs have until the agent is available. Milliseconds. */
const READY_MS = 20_000;
const POLL_MS = 100;

/**
 * Waits for the agent, then sends one job through it.
 * @throws {Error} saying what did not happen
 */
export async function firstRequest(pool: Pool): Promise<JobResult> {
  await agentAvailable(pool);
  const response = await fetch(`${pool.url}/v1/request`, {
    method: "POST",
    headers: { authorization: `Bearer ${pool.clientKey}`, "content-type": "application/json" },
    body: JSON.stringify({ url: `${pool.url}/ip`, bodyEncoding: "utf8" }),
  });
  const answer = (await response.json()) as JobResult | Problem;
  if ("code" in answer)
    throw new Error(`The first request failed: ${answer.code}: ${answer.detail}`);
  if (answer.statusCode !== 200) throw new Error(`The target answered ${answer.statusCode}`);
  return answer;
}

async function agentAvailable(pool: Pool): Promise<void> {
  const deadlineMs = performance.now() + READY_MS;
  while (performance.now() < deadlineMs) {
    const agents = await listAgents(pool);
    if (agents.some((agent) => agent.status === "available")) return;
    await sleep(POLL_MS);
  }
  throw new Error(`No agent was available within ${READY_MS / 1000} s (logs: ${pool.logFolder})`);
}

/** The pool, or nobody while the orchestrator is not listening yet. */
async function listAgents(pool: Pool): Promise<readonly AgentView[]> {
  try {
    const response = await fetch(`${pool.url}/v1/agents`, {
      headers: { authorization: `Bearer ${pool.clientKey}` },
    });
    if (!response.ok) return [];
    const { agents } = (await response.json()) as { readonly agents: readonly AgentView[] };
    return agents;
  } catch {
    return [];
  }
}
