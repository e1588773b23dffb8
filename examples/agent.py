"""An agent of about thirty lines: ORCH_WS=ws://127.0.0.1:8080/agent AGENT_KEY=… python3 agent.py (needs websockets)"""
import asyncio, base64, json, os, urllib.error, urllib.request
import websockets

class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None

def perform(job):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), *([] if job["followRedirects"] else [NoRedirects]))
    headers = {name: value if isinstance(value, str) else ", ".join(value) for name, value in job["headers"].items()}
    body = base64.b64decode(job["body"]) if job["body"] else None
    try:
        response = opener.open(urllib.request.Request(job["url"], body, headers, method=job["method"]), timeout=job["timeoutMs"] / 1000)
    except urllib.error.HTTPError as answer:  # a 404 is an answer like any other
        response = answer
    found = {name.lower(): response.headers.get_all(name) for name in response.headers.keys()}
    return {"statusCode": response.status, "headers": found, "body": base64.b64encode(response.read()).decode()}

async def answer(link, job):
    try:
        result = await asyncio.to_thread(perform, job)
    except Exception as error:
        result = {"error": str(error)}
    await link.send(json.dumps({"type": "result", "jobId": job["jobId"], **result}))

async def main():
    header = "additional_headers" if int(websockets.__version__.split(".")[0]) > 13 else "extra_headers"
    options = {header: {"Authorization": "Bearer " + os.environ["AGENT_KEY"]}, "max_size": None}
    async with websockets.connect(os.environ.get("ORCH_WS", "ws://127.0.0.1:8080/agent"), **options) as link, asyncio.TaskGroup() as jobs:
        await link.send(json.dumps({"type": "hello", "name": "example-py", "maxConcurrency": 8}))
        async for text in link:
            message = json.loads(text)
            if message["type"] == "ping":
                await link.send(json.dumps({"type": "pong", "t": message["t"]}))
            if message["type"] == "job":
                jobs.create_task(answer(link, message))

asyncio.run(main())
