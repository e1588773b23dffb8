/** An agent without a dependency: ORCH_WS=ws://127.0.0.1:8080/agent AGENT_KEY=… node examples/agent.ts */
type Job = Record<"type" | "jobId" | "url" | "method", string> & {
  readonly headers: Record<string, string | string[]>;
  readonly body: string | null;
  readonly timeoutMs: number;
  readonly followRedirects: boolean;
};

async function perform(job: Job, cancelled: AbortSignal): Promise<object> {
  const headers = new Headers();
  for (const [name, values] of Object.entries(job.headers)) {
    for (const value of [values].flat()) headers.append(name, value);
  }
  const response = await fetch(job.url, {
    method: job.method,
    headers,
    body: job.body === null ? null : Buffer.from(job.body, "base64"),
    redirect: job.followRedirects ? "follow" : "manual",
    signal: AbortSignal.any([cancelled, AbortSignal.timeout(job.timeoutMs)]),
  });
  const body = Buffer.from(await response.arrayBuffer()).toString("base64");
  const cookies = { "set-cookie": response.headers.getSetCookie() };
  return {
    statusCode: response.status,
    headers: { ...Object.fromEntries(response.headers), ...cookies },
    body,
  };
}

const { ORCH_WS = "ws://127.0.0.1:8080/agent", AGENT_KEY = "" } = process.env;
const link = new WebSocket(ORCH_WS, { headers: { authorization: `Bearer ${AGENT_KEY}` } });
const say = (message: object): void => link.send(JSON.stringify(message));
const running = new Map<string, AbortController>();

link.onopen = () => say({ type: "hello", name: "example-ts", maxConcurrency: 8 });
link.onclose = ({ code, reason }) => console.log(`The link ended: ${code} ${reason}`);
link.onmessage = async ({ data }) => {
  const message = JSON.parse(String(data)) as Job;
  if (message.type === "ping") say({ ...message, type: "pong" });
  if (message.type === "cancel") running.get(message.jobId)?.abort();
  if (message.type !== "job") return;
  const controller = new AbortController();
  running.set(message.jobId, controller);
  const failed = (error: unknown): object => ({ error: String(error) });
  const result = await perform(message, controller.signal).catch(failed);
  running.delete(message.jobId);
  say({ type: "result", jobId: message.jobId, ...result });
};
