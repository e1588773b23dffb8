import { chromium } from "playwright-core";

const { PROXY = "http://any:KEY@127.0.0.1:8081", URL: url = "https://example.com/" } = process.env;
const { origin: server, username, password } = new URL(PROXY);

await using browser = await chromium.launch({
  executablePath: process.env["BROWSER"] ?? "/usr/bin/chromium",
  proxy: { server, username, password },
});
const page = await browser.newPage();
const response = await page.goto(url, { waitUntil: "networkidle" });
console.log(response?.status(), await page.innerText("body"));
