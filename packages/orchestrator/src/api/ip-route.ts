import { clientAddress } from "@porchlight/runtime/client-address";
import type { CidrList } from "@porchlight/runtime/target-policy";
import type { FastifyPluginCallback } from "fastify";
import Type from "typebox";
import type { Locator } from "../agents/location.ts";
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
        { examples: [{ ip: "203.0.113.7", country: "DE" }] },
      ),
    ),
  },
};

/** What tells whose address it is, and where. */
export interface IpRouteParts {
  /** Proxies whose `X-Forwarded-For` is believed. */
  readonly trustProxy: CidrList;
  readonly locator: Locator;
}

/** `GET /ip`: who calls, seen through trusted proxies, and from which country, if that is known; open to everybody. */
export function ipRoute({ trustProxy, locator }: IpRouteParts): FastifyPluginCallback {
  return (app, _options, done) => {
    app.get("/ip", { schema: SCHEMA }, ({ raw }) => {
      const forwardedFor = [raw.headers["x-forwarded-for"]].flat().join(",");
      const ip = clientAddress(raw.socket.remoteAddress, forwardedFor, trustProxy);
      // Not known: no such field in the JSON.
      return { ip, country: locator.locate(ip).country };
    });
    done();
  };
}
