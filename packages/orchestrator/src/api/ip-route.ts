import { clientAddress } from "@porchlight/runtime/client-address";
import type { CidrList } from "@porchlight/runtime/target-policy";
import type { FastifyPluginCallback } from "fastify";
import Type from "typebox";
import { jsonAnswer, NO_SECURITY } from "./route-docs.ts";

const SCHEMA = {
  tags: ["Health"],
  summary: "Your own address",
  description: "The address this call came from: send a job here to see its exit.",
  security: NO_SECURITY,
  response: {
    200: jsonAnswer(
      "The caller's address",
      Type.Object(
        { ip: Type.String(), country: Type.Optional(Type.String()) },
        { examples: [{ ip: "203.0.113.7" }] },
      ),
    ),
  },
};

/** `GET /ip`: who calls, seen through the proxies of `trusted`; open to everybody. */
export function ipRoute(trusted: CidrList): FastifyPluginCallback {
  return (app, _options, done) => {
    app.get("/ip", { schema: SCHEMA }, ({ raw }) => {
      const forwardedFor = raw.headers["x-forwarded-for"];
      return {
        ip: clientAddress(raw.socket.remoteAddress, [forwardedFor].flat().join(","), trusted),
      };
    });
    done();
  };
}
