/** What `npm start` prints: the first answer, and lines to copy. */
import type { JobResult } from "@porchlight/protocol/job";
import type { Pool } from "./pool.ts";

/** The first answer in four lines. */
export function describeResult(result: JobResult): string {
  const { queueMs, connectMs, ttfbMs, totalMs } = result.timings;
  return [
    `  request   GET ${result.url}`,
    `  answer    ${result.statusCode} ${result.body.trim()}`,
    `  exit      ${result.exit.name} (${result.exit.agentId}), attempt ${result.attempts.length}`,
    `  time      ${round(totalMs)} ms (queue ${round(queueMs)}, connect ${round(connectMs)}, first byte ${round(ttfbMs)})`,
  ].join("\n");
}

/** Commands that work as they are while the pool runs. */
export function describeNextSteps(pool: Pool, platform: NodeJS.Platform): string {
  const body = { url: `${pool.url}/ip`, bodyEncoding: "utf8" };
  const auth = `-H "Authorization: Bearer ${pool.clientKey}"`;
  const json = '-H "Content-Type: application/json"';
  const post = `curl ${pool.url}/v1/request ${auth} ${json}`;
  return [
    "Send a request through the agent:",
    `  ${post} -d ${quote(JSON.stringify(body), platform)}`,
    "",
    "The same, with the target's answer as it comes:",
    `  ${post} -d ${quote(JSON.stringify({ url: `${pool.url}/ip`, format: "raw" }), platform)}`,
    "",
    "Use it as a proxy, HTTP or SOCKS5, from any program:",
    `  curl -x http://any:${pool.clientKey}@${pool.proxy} ${pool.url}/ip`,
    `  curl -x socks5h://any-session-a1:${pool.clientKey}@${pool.proxy} ${pool.url}/ip`,
    "",
    "Look at the pool:",
    `  curl ${pool.url}/v1/agents ${auth}`,
    "",
    `API docs   ${pool.url}/docs`,
    `Logs       ${pool.logFolder}`,
    "",
    "The key ends with this command. Ctrl-C stops everything.",
  ].join("\n");
}

/** One argument for the platform's usual shell. */
function quote(text: string, platform: NodeJS.Platform): string {
  return platform === "win32" ? `"${text.replaceAll('"', String.raw`\"`)}"` : `'${text}'`;
}

function round(ms: number): string {
  return ms.toFixed(0);
}
