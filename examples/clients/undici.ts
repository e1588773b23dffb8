import { ProxyAgent, request } from "undici";

const { PROXY = "http://any:KEY@127.0.0.1:8081", URL = "https://example.com/" } = process.env;

const { statusCode, body } = await request(URL, { dispatcher: new ProxyAgent(PROXY) });
console.log(statusCode, await body.text());
