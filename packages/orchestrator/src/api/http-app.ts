/** The framework behind every route but the hot one: every error becomes a problem, every body is read by one rule. */
import { ProxyError, type ErrorCode } from "@porchlight/protocol/errors";
import type { Logger } from "@porchlight/runtime/logger";
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from "fastify";
import { commonHeaders } from "../http/answer-headers.ts";
import { requestIdOf } from "../http/request-id.ts";
import { parseJson } from "./json-body.ts";
import { problemAnswer, type ProblemContext } from "./problem.ts";
import { RouteIndex } from "./route-index.ts";

/** Longest agent id or name in a path, percent-encoded: 64 characters of 4 bytes. Characters. */
const MAX_PARAMETER_CHARS = 64 * 4 * 3;

/** Largest body of a call that is no job. Bytes. */
const MAX_BODY_BYTES = 64 * 1024;

/** Where faults of ours are logged. */
export interface HttpAppOptions {
  readonly logger: Pick<Logger, "error">;
}

/** An app without routes. */
export function createHttpApp({ logger }: HttpAppOptions): FastifyInstance {
  const app = fastify({
    bodyLimit: MAX_BODY_BYTES,
    genReqId: requestIdOf,
    routerOptions: { maxParamLength: MAX_PARAMETER_CHARS },
    frameworkErrors: (error, request, reply) => {
      sendProblem(reply, translate(error), { requestId: request.id });
    },
  });
  readBodiesAsJson(app);
  describeOnly(app);
  const refuseUnknown = refusalOfUnknownRoutes(app);
  app.addHook("onRequest", (request, reply, done) => {
    reply.headers(commonHeaders(request.id));
    // Before the body is looked at, which would be judged first otherwise.
    if (request.is404) refuseUnknown(request, reply);
    else done();
  });
  app.setErrorHandler<FastifyError>((thrown, request, reply) => {
    const error = translate(thrown);
    const requestId = request.id;
    if (error.code === "internal") logger.error({ requestId, err: error }, "Call failed");
    sendProblem(reply, error, { requestId });
  });
  return app;
}

function readBodiesAsJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => {
    try {
      done(null, parseJson(body as Buffer));
    } catch (thrown) {
      done(ProxyError.from(thrown));
    }
  });
}

/** Schemas of routes are for the OpenAPI document; what comes in is judged by the handlers, what goes out is typed. */
function describeOnly(app: FastifyInstance): void {
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
}

/** Tells an unknown path (404) from a method that a path does not take (405, faults A29). */
function refusalOfUnknownRoutes(
  app: FastifyInstance,
): (request: FastifyRequest, reply: FastifyReply) => void {
  const index = new RouteIndex();
  app.addHook("onRoute", ({ method, url }) => {
    for (const name of [method].flat()) index.add(name, url);
  });
  return (request, reply) => {
    const allow = index.methodsOf(request.raw.url ?? "");
    const requestId = request.id;
    if (allow.length === 0) {
      const message = "There is no such route; /docs lists those there are";
      return sendProblem(reply, new ProxyError("not_found", message), { requestId });
    }
    const message = `This route takes ${allow.join(", ")}`;
    return sendProblem(reply, new ProxyError("method_not_allowed", message), { requestId, allow });
  };
}

function sendProblem(reply: FastifyReply, error: ProxyError, context: ProblemContext): void {
  const { status, headers, body } = problemAnswer(error, context);
  // As bytes: the framework would add a charset to the type of a text.
  void reply.code(status).headers(headers).send(Buffer.from(body));
}

/** Foreign code → ours, with what is said instead of the framework's text. */
const FOREIGN: Readonly<Record<string, readonly [code: ErrorCode, message: string]>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ["unsupported_media_type", "Send Content-Type: application/json"],
  FST_ERR_CTP_BODY_TOO_LARGE: ["body_too_large", "The body is too large"],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ["invalid_request", "The body is not as long as announced"],
  FST_ERR_BAD_URL: ["invalid_request", "The path is not validly percent-encoded"],
  FST_ERR_MAX_PARAM_LENGTH: ["not_found", "There is no such route"],
};

function translate(thrown: Error & { readonly code?: string }): ProxyError {
  const [code, message] = FOREIGN[thrown.code ?? ""] ?? [];
  if (code === undefined || message === undefined) return ProxyError.from(thrown);
  return new ProxyError(code, message, { cause: thrown });
}
