import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import got from "got";

const { PROXY = "http://any:KEY@127.0.0.1:8081", URL = "https://example.com/" } = process.env;
const proxyEnv = { HTTP_PROXY: PROXY, HTTPS_PROXY: PROXY };

const { statusCode, body } = await got(URL, {
  agent: { http: new HttpAgent({ proxyEnv }), https: new HttpsAgent({ proxyEnv }) },
});
console.log(statusCode, body);
