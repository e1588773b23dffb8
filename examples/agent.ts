/** An agent without a dependency: ORCH_WS=ws://127.0.0.1:8080/agent AGENT_KEY=… node examples/agent.ts */
type Job = Record<"type" | "jobId" | "url" | "method", string> & {
  readonly headers: Record<string, string>;
  readonly body: string | null;
  readonly timeoutMs: number;
  readonly followRedirects: boolean;
};

async function perform({ url, method, headers, body, ...job }: Job): Promise<object> {
  const response = await fetch(url, {
    method,
    headers,
    body: body === null ? null : Buffer.from(body, "base64"),
    redirect: job.followRedirects ? "follow" : "manual",
    signal: AbortSignal.timeout(job.timeoutMs),
  });
  const found = {
    ...Object.fromEntries(response.headers),
    "set-cookie": response.headers.getSetCookie(),
  };
  const bytes = Buffer.from(await response.arrayBuffer());
  return { statusCode: response.status, headers: found, body: bytes.toString("base64") };
}

const { ORCH_WS = "ws://127.0.0.1:8080/agent", AGENT_KEY = "" } = process.env;
const link = new WebSocket(ORCH_WS, { headers: { authorization: `Bearer ${AGENT_KEY}` } });
const say = (message: object): void => link.send(JSON.stringify(message));

link.onopen = () => say({ type: "hello", name: "example-ts", maxConcurrency: 8 });
link.onclose = ({ code, reason }) => console.log(`The link ended: ${code} ${reason}`);
link.onmessage = async ({ data }) => {
  const message = JSON.parse(String(data)) as Job;
  if (message.type === "ping") say({ ...message, type: "pong" });
  if (message.type !== "job") return;
  const result = await perform(message).catch((error: unknown) => ({ error: String(error) }));
  say({ type: "result", jobId: message.jobId, ...result });
};
