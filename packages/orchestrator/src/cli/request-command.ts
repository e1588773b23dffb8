import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { Command } from "commander";
import { ProxyError } from "@porchlight/protocol/errors";
import { callApi, ownProblem } from "./api-call.ts";
import type { CommandContext } from "./command-context.ts";
import { jobRequestOf, type RequestOptions } from "./request-fields.ts";

/** `porchlight request URL`: sends one job and prints the target's answer, like curl. */
export function requestCommand(context: CommandContext): Command {
  return new Command("request")
    .description("send one request through an agent and print the answer, like curl")
    .argument("<url>", "http or https")
    .option("-X, --request <method>", "the method (default: GET, with -d POST)")
    .option(
      "-H, --header <line>",
      "a header such as 'Accept: text/html'; may be repeated",
      collect,
      [],
    )
    .option("-d, --data <text>", "the body; @FILE reads a file, @- standard input")
    .option("-i, --include", "print the head of the answer too")
    .option("--no-follow", "do not follow redirects")
    .option("--agent <id>", "through this agent: its id or name")
    .option("--country <code>", "through an agent there, such as DE")
    .option("--region <name>", "through an agent in this region: its name, or its ISO code")
    .option("--city <name>", "through an agent in this city")
    .option("--asn <number>", "through an agent on this network, such as AS64496")
    .option("--label <key=value>", "through an agent with this label; may be repeated", collect, [])
    .option("--timeout <time>", "total time, such as 10s")
    .action(async (url: string, options: RequestOptions) => {
      const data = options.data === undefined ? undefined : await readData(options.data, context);
      const body = jobRequestOf(url, options, data);
      const response = await callApi(context.env, { method: "POST", path: "/v1/request", body });
      await printAnswer(response, options.include === true, context);
    });
}

/** Prints the target's answer as it comes; the orchestrator's own refusal is thrown instead. */
async function printAnswer(
  response: IncomingMessage,
  include: boolean,
  { stdout }: CommandContext,
): Promise<void> {
  try {
    // A target may answer with a problem of its own, so the content decides whose it is.
    const body = isProblem(response) ? [await buffer(response)] : response;
    const refusal = Array.isArray(body) ? ownProblem(response, String(body[0])) : undefined;
    if (refusal !== undefined) throw refusal;
    if (include) stdout.write(headOf(response));
    await pipeline(body, stdout, { end: false });
  } catch (cause) {
    if (cause instanceof ProxyError) throw cause;
    throw new ProxyError("response_truncated", "The answer broke off before its end", { cause });
  }
}

function isProblem({ headers }: IncomingMessage): boolean {
  return headers["content-type"]?.startsWith("application/problem+json") === true;
}

function headOf(response: IncomingMessage): string {
  const lines = [`HTTP/${response.httpVersion} ${response.statusCode} ${response.statusMessage}`];
  for (let i = 0; i < response.rawHeaders.length; i += 2) {
    lines.push(`${response.rawHeaders[i]}: ${response.rawHeaders[i + 1]}`);
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}

async function readData(data: string, context: CommandContext): Promise<Buffer> {
  if (data === "@-") return await buffer(context.stdin);
  return data.startsWith("@") ? await readFile(data.slice(1)) : Buffer.from(data);
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}
