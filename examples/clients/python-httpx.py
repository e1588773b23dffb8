import os
import httpx

PROXY = os.environ.get("PROXY", "http://any:KEY@127.0.0.1:8081")
URL = os.environ.get("URL", "https://example.com/")

# From httpx 0.26 on, httpx.Client(proxy=PROXY) does the same
with httpx.Client(transport=httpx.HTTPTransport(proxy=httpx.Proxy(PROXY)), timeout=30) as client:
    response = client.get(URL)
print(response.status_code, response.text)
