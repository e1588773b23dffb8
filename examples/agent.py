"""An agent in thirty lines: pip install websockets; ORCH_WS=ws://127.0.0.1:8080/agent AGENT_KEY=… python3 agent.py"""
import asyncio, base64, json, os, urllib.error, urllib.request
import websockets

class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None

def perform(job):
    handlers = [urllib.request.ProxyHandler({})] + ([] if job["followRedirects"] else [NoRedirects])
    body = base64.b64decode(job["body"]) if job["body"] else None
    headers = {name: value if isinstance(value, str) else ", ".join(value) for name, value in job["headers"].items()}
    request = urllib.request.Request(job["url"], body, headers, method=job["method"])
    try:
        response = urllib.request.build_opener(*handlers).open(request, timeout=job["timeoutMs"] / 1000)
    except urllib.error.HTTPError as answer:  # a 404 is an answer like any other
        response = answer
    with response:
        found = {name.lower(): response.headers.get_all(name) for name in response.headers.keys()}
        return {"statusCode": response.status, "headers": found, "body": base64.b64encode(response.read()).decode()}

async def answer(link, job):
    try:
        result = await asyncio.to_thread(perform, job)
    except Exception as error:
        result = {"error": str(error)}
    await link.send(json.dumps({"type": "result", "jobId": job["jobId"], **result}))

async def main():
    headers = "additional_headers" if int(websockets.__version__.split(".")[0]) > 13 else "extra_headers"
    options = {headers: {"Authorization": "Bearer " + os.environ["AGENT_KEY"]}, "max_size": None}
    async with websockets.connect(os.environ.get("ORCH_WS", "ws://127.0.0.1:8080/agent"), **options) as link:
        await link.send(json.dumps({"type": "hello", "name": "example-py", "maxConcurrency": 8}))
        jobs = set()
        async for text in link:
            message = json.loads(text)
            if message["type"] == "ping":
                await link.send(json.dumps({"type": "pong", "t": message["t"]}))
            if message["type"] == "job":
                jobs.add(job := asyncio.create_task(answer(link, message)))
                job.add_done_callback(jobs.discard)

asyncio.run(main())
